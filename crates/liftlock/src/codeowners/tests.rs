use super::*;

fn github(text: &str) -> Codeowners {
    Codeowners::parse(text, Dialect::GitHub).unwrap()
}

fn gitlab(text: &str) -> Codeowners {
    Codeowners::parse(text, Dialect::GitLab).unwrap()
}

/// Section, line, owners and approvals of each rule that decides about a path.
fn told(file: &Codeowners, path: &str) -> Vec<String> {
    let found = file.owners(&[path]).unwrap();
    assert_eq!(found.unowned.is_empty(), !found.rules.is_empty(), "{path}");
    let tell = |rule: &Owned<'_>| {
        let owners: Vec<String> = rule.owners.iter().map(shown).collect();
        let optional = if rule.optional { "^" } else { "" };
        format!(
            "{optional}{}:{} {} of {}",
            rule.section.unwrap_or_default(),
            rule.line,
            rule.approvals,
            owners.join(",")
        )
    };
    found.rules.iter().map(tell).collect()
}

fn shown(owner: &Owner) -> String {
    match owner {
        Owner::Name(name) | Owner::Group(name) => format!("@{name}"),
        Owner::Email(email) => email.clone(),
        Owner::Role(role) => format!("@@{role:?}"),
    }
}

fn fits(dialect: Dialect, pattern: &str, path: &str) -> bool {
    let file = Codeowners::parse(&format!("{pattern} @a"), dialect).unwrap();
    !file.owners(&[path]).unwrap().rules.is_empty()
}

/// What a pattern takes and what it does not.
type Case = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

fn check(dialect: Dialect, cases: &[Case]) {
    for (pattern, good, bad) in cases {
        for path in *good {
            assert!(fits(dialect, pattern, path), "{pattern} takes {path}");
        }
        for path in *bad {
            assert!(!fits(dialect, pattern, path), "{pattern} leaves {path}");
        }
    }
}

#[test]
fn patterns_of_github_take_what_its_pages_say() {
    check(
        Dialect::GitHub,
        &[
            ("*", &["a", "a/b", ".a/b/c"], &[]),
            ("*.rs", &["a.rs", "src/b.rs", ".rs"], &["a.rsx", "A.RS"]),
            (
                "/srv/log/",
                &["srv/log/a", "srv/log/b/c"],
                &["srv/log", "x/srv/log/a"],
            ),
            ("doc/*", &["doc/a.md"], &["doc/a/b.md", "x/doc/a.md", "doc"]),
            ("/*", &["a"], &["a/b"]),
            ("pkg/", &["pkg/a", "x/pkg/a/b"], &["pkg", "x/pkg"]),
            ("pkg", &["pkg", "pkg/a", "x/pkg/a/b"], &["pkgs", "x/pkgs/a"]),
            ("/pkg", &["pkg", "pkg/a"], &["x/pkg"]),
            ("a/b", &["a/b", "a/b/c"], &["x/a/b", "a/bc"]),
            ("**/logs", &["logs/a", "x/logs", "x/y/logs/z"], &["x/logs2"]),
            ("a/**", &["a/b", "a/b/c"], &["a", "x/a/b"]),
            ("a/**/z", &["a/z", "a/b/z", "a/b/c/z/q"], &["az", "x/a/z"]),
            ("a/**/", &["a/b", "a/b/c"], &["a"]),
            ("f*", &["fa", "fa/b", "x/fa/b"], &["xfa"]),
            ("/*/", &["a/b", "a/b/c"], &["a"]),
            ("f?o", &["foo", "f.o"], &["fo", "fooo"]),
            ("f\\*o", &["f*o"], &["foo"]),
            ("a\\ b/", &["a b/c"], &["a/c", "a\\ b/c"]),
            ("a**b", &["axb", "ab"], &["a/b"]),
            ("**", &["a", "a/b"], &[]),
        ],
    );
}

#[test]
fn patterns_of_gitlab_take_what_its_pages_say() {
    check(
        Dialect::GitLab,
        &[
            ("*", &["a", "a/b", ".a/.b"], &[]),
            ("/NOTES", &["NOTES"], &["a/NOTES", "notes"]),
            ("NOTES", &["NOTES", "a/b/NOTES"], &["NOTES/a"]),
            ("in/NOTES", &["in/NOTES", "a/in/NOTES"], &["in/a/NOTES"]),
            ("/doc/", &["doc/a", "doc/a/b"], &["doc", "x/doc/a"]),
            ("lib/", &["lib/a", "x/lib/a/b"], &["lib"]),
            ("/doc/*", &["doc/a"], &["doc/a/b"]),
            ("/doc/*.md", &["doc/a.md", "doc/.md"], &["doc/a/b.md"]),
            ("/doc/*x*", &["doc/ax.rb", "doc/x"], &["doc/a.rb"]),
            (
                "/doc/*/NOTES",
                &["doc/a/NOTES"],
                &["doc/NOTES", "doc/a/b/NOTES"],
            ),
            ("/doc/**/i.md", &["doc/i.md", "doc/a/b/i.md"], &["i.md"]),
            ("/doc/**", &["doc/a"], &["doc/a/b"]),
            ("**/made/", &["made/a", "x/made/a/b"], &["made"]),
            ("x[0-9].rb", &["x1.rb", "a/x2.rb"], &["xa.rb"]),
            ("x[!0-9].rb", &["xa.rb"], &["x1.rb"]),
            ("\\#x", &["#x", "a/#x"], &["x"]),
            ("a\\ b/", &["a b/c"], &["a/c"]),
        ],
    );
}

#[test]
fn the_last_rule_of_github_wins_also_where_it_names_nobody() {
    let file = github(
        "# who knows what\n\
         *          @first @second\n\
         *.go       docs@shop.example # whoever writes\n\
         /web/      @shop/web\n\
         /web/free\n",
    );
    let cases = [
        ("README", vec![":2 1 of @first,@second"]),
        ("a/b.go", vec![":3 1 of docs@shop.example"]),
        ("web/a.go", vec![":4 1 of @shop/web"]),
        ("web/free/a.go", vec![]),
        ("web/Free/a.go", vec![":4 1 of @shop/web"]),
    ];
    for (path, expected) in cases {
        assert_eq!(told(&file, path), expected, "{path}");
    }
}

#[test]
fn each_section_of_gitlab_decides_by_itself() {
    let file = gitlab(
        "* @all\n\
         [Docs][2] @docs @writers\n\
         docs/\n\
         *.md @@maintainers\n\
         ^[Data] @data\n\
         model/\n\
         /model/README.md @shop/data/core x@shop.example\n\
         [DOCS]\n\
         /docs/old.md @archive\n",
    );
    let cases = [
        ("a.rb", vec![":1 1 of @all"]),
        (
            "docs/a.rb",
            vec![":1 1 of @all", "Docs:3 2 of @docs,@writers"],
        ),
        (
            "docs/a.md",
            vec![":1 1 of @all", "Docs:4 2 of @@Maintainer"],
        ),
        ("docs/old.md", vec![":1 1 of @all", "Docs:9 1 of @archive"]),
        ("model/a", vec![":1 1 of @all", "^Data:6 1 of @data"]),
        (
            "model/README.md",
            vec![
                ":1 1 of @all",
                "Docs:4 2 of @@Maintainer",
                "^Data:7 1 of @shop/data/core,x@shop.example",
            ],
        ),
    ];
    for (path, expected) in cases {
        assert_eq!(told(&file, path), expected, "{path}");
    }
}

#[test]
fn what_gitlab_excludes_stays_so_in_its_section_and_only_there() {
    let file = gitlab(
        "* @all\n!made/\n/made/by-hand @hand\n\
         [Ruby]\n*.rb @ruby\n!/config/**/*.rb\n/config/routes.rb @ops\n\
         [Config]\n/config/ @config\n",
    );
    let cases = [
        ("made/a.rb", vec!["Ruby:5 1 of @ruby"]),
        ("made/by-hand", vec![]),
        (
            "config/routes.rb",
            vec![":1 1 of @all", "Config:9 1 of @config"],
        ),
        (
            "config/a/b.rb",
            vec![":1 1 of @all", "Config:9 1 of @config"],
        ),
        ("lib/a.rb", vec![":1 1 of @all", "Ruby:5 1 of @ruby"]),
    ];
    for (path, expected) in cases {
        assert_eq!(told(&file, path), expected, "{path}");
    }
}

#[test]
fn a_section_is_optional_only_where_all_of_it_is() {
    let both = gitlab("^[Go]\n*.go @a\n[go]\n*.mod @b\n");
    assert_eq!(told(&both, "a.go"), ["Go:2 1 of @a"]);
    let one = gitlab("^[Go]\n*.go @a\n^[GO]\n*.mod @b\n");
    assert_eq!(told(&one, "a.go"), ["^Go:2 1 of @a"]);
    let unnamed = gitlab("*.go @a\n[CodeOwners]\na.go @b\n");
    assert_eq!(told(&unnamed, "a.go"), [":3 1 of @b"]);
}

#[test]
fn paths_are_grouped_by_the_rule_that_decides() {
    let file = github("*.rs @rust\n/docs/ @docs\n/docs/free/\n");
    let paths = ["a.rs", "docs/a", "b/c.rs", "docs/free/x", "other"];
    let found = file.owners(&paths).unwrap();
    let grouped: Vec<_> = found
        .rules
        .iter()
        .map(|rule| (rule.pattern, rule.paths.clone()))
        .collect();
    assert_eq!(
        grouped,
        [("*.rs", vec!["a.rs", "b/c.rs"]), ("/docs/", vec!["docs/a"])]
    );
    assert_eq!(found.unowned, ["docs/free/x", "other"]);
}

#[test]
fn a_line_that_a_forge_would_pass_over_is_refused_with_its_number() {
    use Dialect::{GitHub, GitLab};
    let cases = [
        (GitHub, "!a @b", "the pattern `!a` has a `!`"),
        (GitHub, "a[0-9] @b", "the pattern `a[0-9]` has brackets"),
        (GitHub, "\\#a @b", "the pattern `\\#a` has an escaped `#`"),
        (GitHub, "a b @c", "`b` is no owner"),
        (GitHub, "a @b/c/d", "`@b/c/d` is no owner"),
        (GitHub, "a @@owner", "`@@owner` is no owner"),
        (GitHub, "a @", "`@` is no owner"),
        (GitHub, "a b@c", "`b@c` is no owner"),
        (GitHub, "a//b @c", "the pattern `a//b` has nothing between"),
        (GitHub, "/ @c", "the pattern `/` has no name"),
        (GitHub, "a*** @c", "the pattern `a***` has `***`"),
        (GitHub, "a\\/b @c", "the pattern `a\\/b` has a backslash"),
        (GitLab, "LICENSE @legal and others", "`and` is no owner"),
        (GitLab, "a @@guest", "`@@guest` is no owner"),
        (GitLab, "!a @b", "`!a` excludes paths"),
        (GitLab, "[Name", "`[Name` is no heading"),
        (GitLab, "[] @a", "`[] @a` is no heading"),
        (GitLab, "[Name][two]", "`[Name][two]` is no heading"),
        (GitLab, "^[Name][2]", "`^[Name][2]` is no heading"),
        (GitLab, "[ab]*.rb @a", "`[ab]*.rb @a` is no heading"),
        (GitLab, "[Name] nobody", "`nobody` is no owner"),
        (GitLab, "a[b @c", "the pattern `a[b` has a `[`"),
    ];
    for (dialect, line, message) in cases {
        let text = format!("# first\n{line}\n");
        let error = Codeowners::parse(&text, dialect).unwrap_err().to_string();
        assert!(error.starts_with(&format!("line 2: {message}")), "{error}");
    }
}

#[test]
fn comments_in_a_line_hide_owners_on_github_only() {
    let line = "a @b # and @c too\n";
    assert_eq!(told(&github(line), "a"), [":1 1 of @b"]);
    assert_eq!(told(&gitlab(line), "a"), [":1 1 of @b,@c"]);
    assert_eq!(told(&github("a # nobody\n"), "a"), [""; 0]);
}

#[test]
fn files_and_questions_are_bounded() {
    let large = "#".repeat(LARGEST);
    let refused = Codeowners::parse(&large, Dialect::GitHub);
    assert_eq!(refused, Err(ParseError::TooLarge(LARGEST)));
    assert!(Codeowners::parse(&large[1..], Dialect::GitLab).is_ok());
    let long = format!("{} @a", "a".repeat(1025));
    assert!(Codeowners::parse(&long, Dialect::GitHub).is_err());
    let file = github("* @a\n");
    for path in ["", "/a", "a/", "a//b", "../a", "a/./b", &"a".repeat(4097)] {
        assert!(
            matches!(file.owners(&[path]), Err(AskError::Path(_))),
            "{path}"
        );
    }
    let many = github(&"* @a\n".repeat(5_000));
    let paths = vec!["a"; 4_001];
    assert_eq!(many.owners(&paths), Err(AskError::TooMany(5_000, 4_001)));
}

#[test]
fn patterns_full_of_stars_take_bounded_time() {
    let names = "a/".repeat(2_000) + "b";
    let letters = "a".repeat(4_000);
    let patterns = [
        "**/a/".repeat(200) + "c",
        "*a".repeat(500) + "c",
        "a*".repeat(300) + "/" + &"*a".repeat(150) + "c",
    ];
    for pattern in patterns {
        for dialect in [Dialect::GitHub, Dialect::GitLab] {
            assert!(!fits(dialect, &pattern, &names));
            assert!(!fits(dialect, &pattern, &letters));
        }
    }
}

/// A plain definition of what [`Pattern::matches`] does, without bounds on time.
fn plainly(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        (["**", rest @ ..], _) => (0..=path.len()).any(|taken| plainly(rest, &path[taken..])),
        (["*", rest @ ..], [_, after @ ..]) => plainly(rest, after),
        ([one, rest @ ..], [name, after @ ..]) if one == name => plainly(rest, after),
        ([_, ..], _) | ([], [_, ..]) => false,
    }
}

#[test]
fn every_small_pattern_takes_what_its_plain_definition_takes() {
    let words = |alphabet: &[&'static str], longest: u32| -> Vec<Vec<&'static str>> {
        let mut all = vec![Vec::new()];
        let mut last: Vec<Vec<&str>> = all.clone();
        for _ in 0..longest {
            let longer = last.iter().flat_map(|word| {
                let add = move |letter: &&'static str| [&word[..], &[*letter]].concat();
                alphabet.iter().map(add)
            });
            last = longer.collect();
            all.extend(last.clone());
        }
        all.into_iter().filter(|word| !word.is_empty()).collect()
    };
    let paths = words(&["a", "b"], 5);
    let mut count = 0;
    for pattern in words(&["a", "b", "*", "**"], 4) {
        // A `**` at the end is something else on either forge.
        if pattern.last() == Some(&"**") {
            continue;
        }
        let text = format!("/{}", pattern.join("/"));
        let file = gitlab(&format!("{text} @a"));
        for path in &paths {
            let joined = path.join("/");
            let found = !file.owners(&[joined.as_str()]).unwrap().rules.is_empty();
            assert_eq!(found, plainly(&pattern, path), "{text} {joined}");
            count += 1;
        }
    }
    assert_eq!(count, 62 * 255);
}
