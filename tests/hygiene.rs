//! What is written down is true, and shows what it says.

#![cfg(test)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use testkit::peers::root;

/// Where a word has to begin to be read as a path of this repository.
const FOLDERS: [&str; 7] = [
    "crates/",
    "scripts/",
    "docs/",
    "templates/",
    "tests/",
    ".github/",
    ".ci/",
];

/// The one reason to ignore a test: another test starts it in a process of its own.
const BODY_OF_ANOTHER: &str = "#[ignore = \"run by another test\"]";

/// Lists all files that are or could be committed.
fn files() -> Vec<PathBuf> {
    let root = root();
    let output = Command::new("git")
        .args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ])
        .current_dir(&root)
        .output()
        .unwrap();
    assert!(output.status.success(), "git ls-files failed");
    String::from_utf8(output.stdout)
        .unwrap()
        .split_terminator('\0')
        .map(|name| root.join(name))
        .filter(|path| path.is_file())
        .collect()
}

/// Drops fenced blocks: they show what users write in repositories of their own.
fn prose(markdown: &str) -> String {
    let mut fenced = false;
    let mut prose = String::new();
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

/// Names the paths of this repository that a page mentions in code spans.
fn mentioned(prose: &str) -> Vec<String> {
    prose
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|span| span.split_whitespace().next())
        .filter(|word| {
            FOLDERS.iter().any(|folder| word.starts_with(folder)) || word.ends_with("/action.yml")
        })
        .filter(|word| !word.contains(['<', '>', '*', '{', '}', '…', '@', '$']))
        .map(|word| word.trim_end_matches(['.', ',', ':']).to_owned())
        .collect()
}

/// Names the targets of the relative links of a page.
fn linked(prose: &str) -> Vec<String> {
    prose
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter_map(|target| target.split('#').next())
        .filter(|target| {
            !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:")
        })
        .map(str::to_owned)
        .collect()
}

/// Finds the first character that hides or reorders what a reader sees.
fn hidden(text: &str) -> Option<char> {
    text.chars().find(|character| {
        matches!(
            character,
            '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{2064}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
                | '\u{ad}'
        )
    })
}

#[test]
fn every_path_that_a_page_names_exists() {
    let root = root();
    for page in files() {
        if page.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let prose = prose(&fs::read_to_string(&page).unwrap());
        for path in mentioned(&prose) {
            assert!(
                root.join(&path).exists(),
                "{} names `{path}`",
                page.display()
            );
        }
        for target in linked(&prose) {
            let path = page.parent().unwrap().join(&target);
            assert!(path.exists(), "{} links to `{target}`", page.display());
        }
    }
}

#[test]
fn paths_are_found_in_spans_and_links_and_not_in_examples() {
    let page = "Run `scripts/demo --real`, see [it](docs/a.md#top) and [this](#here).\n\
                ```yaml\nrun: scripts/deploy\n```\n\
                An `actions/<verb>/action.yml`, a `promote run`, [out](https://example.com).\n";
    let prose = prose(page);
    assert_eq!(mentioned(&prose), ["scripts/demo"]);
    assert_eq!(linked(&prose), ["docs/a.md"]);
}

#[test]
fn no_file_hides_or_reorders_characters() {
    for file in files() {
        if let Ok(text) = fs::read_to_string(&file) {
            assert_eq!(hidden(&text), None, "{}", file.display());
        }
    }
}

#[test]
fn hidden_characters_are_caught() {
    for character in ['\u{200b}', '\u{202e}', '\u{2066}', '\u{feff}', '\u{ad}'] {
        assert_eq!(hidden(&format!("a{character}b")), Some(character));
    }
    assert_eq!(hidden("größer – ≤ 5 %"), None);
}

/// Names the lines that switch a test off.
fn switched_off(source: &str) -> Vec<&str> {
    source
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("#[ignore") && *line != BODY_OF_ANOTHER)
        .collect()
}

#[test]
fn no_test_is_switched_off() {
    for file in files() {
        if file.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&file).unwrap();
            assert_eq!(
                switched_off(&source),
                Vec::<&str>::new(),
                "{}",
                file.display()
            );
        }
    }
}

#[test]
fn a_switched_off_test_is_caught() {
    let source = format!("    {}]\n{BODY_OF_ANOTHER}\n", "#[ignore");
    assert_eq!(switched_off(&source), ["#[ignore]"]);
}
