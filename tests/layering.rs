//! The pure crate stays pure, and nothing brings a second cryptography.

#![cfg(test)]

use std::fs;
use std::path::Path;
use std::process::Command;

use testkit::peers::root;

mod workspace;

/// Crates that reach the world; the domain may not know any of them.
const WORLDLY: [&str; 16] = [
    "tokio",
    "reqwest",
    "octocrab",
    "hyper",
    "hyper-util",
    "h2",
    "tower",
    "ring",
    "rustls",
    "webpki-roots",
    "rustls-native-certs",
    "mio",
    "socket2",
    "tempfile",
    "signal-hook",
    "liftlock-io",
];

/// Cryptography that is not ring, and whatever binds a C library of the system.
const SECOND_CRYPTOGRAPHY: [&str; 6] = [
    "aws-lc-rs",
    "aws-lc-sys",
    "openssl",
    "openssl-sys",
    "native-tls",
    "rsa",
];

/// Parts of the standard library that look at the world.
const IMPURE: [&str; 8] = [
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "std::os",
    "std::time::SystemTime",
    "std::time::Instant",
];

const BINARIES: [&str; 6] = [
    "sign-artifact",
    "canary-check",
    "await-approval",
    "promote",
    "rollback",
    "audit-log",
];

/// Lists what a package reaches, one `name vVERSION` a line.
fn tree(package: &str, flags: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--prefix", "none", "-p", package])
        .args(flags)
        .current_dir(root())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree -p {package}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// Names the forbidden packages in a listing of [`tree`].
fn violations<'tree>(tree: &'tree str, forbidden: &[&str]) -> Vec<&'tree str> {
    let mut found: Vec<_> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| forbidden.contains(name))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Writes out every `std::` path of a source, with grouped imports taken apart.
fn standard_paths(source: &str) -> Vec<String> {
    let code: String = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut paths = Vec::new();
    for (start, _) in code.match_indices("std::") {
        let standalone =
            !code[..start].ends_with(|last: char| last.is_alphanumeric() || last == '_');
        if standalone {
            branch(&code[start..], "", &mut paths);
        }
    }
    paths
}

/// Follows one path of a use tree; gives back what is left behind it.
fn branch<'code>(code: &'code str, prefix: &str, paths: &mut Vec<String>) -> &'code str {
    let code = code.trim_start();
    let end = code
        .find(|next: char| !next.is_alphanumeric() && next != '_')
        .unwrap_or(code.len());
    let path = format!("{prefix}{}", &code[..end]);
    let Some(rest) = code[end..].strip_prefix("::") else {
        paths.push(path);
        return &code[end..];
    };
    let Some(mut rest) = rest.strip_prefix('{') else {
        return branch(rest, &format!("{path}::"), paths);
    };
    loop {
        rest = branch(rest, &format!("{path}::"), paths).trim_start();
        match rest.chars().next() {
            Some('}') | None => return rest.get(1..).unwrap_or(""),
            Some(other) => rest = &rest[other.len_utf8()..],
        }
    }
}

/// Names the impure paths that a source of the domain uses outside its tests.
fn impurities(source: &str) -> Vec<String> {
    standard_paths(workspace::without_tests(source))
        .into_iter()
        .filter(|path| {
            IMPURE
                .iter()
                .any(|impure| path == impure || path.starts_with(&format!("{impure}::")))
        })
        .collect()
}

#[test]
fn the_domain_reaches_nothing_worldly() {
    let tree = tree("liftlock", &["--edges", "normal,build", "--all-features"]);
    assert!(tree.starts_with("liftlock v"), "{tree}");
    assert_eq!(violations(&tree, &WORLDLY), Vec::<&str>::new());
}

#[test]
fn a_domain_that_gains_a_worldly_dependency_is_caught() {
    let tree = tree("liftlock", &["--edges", "normal,build", "--all-features"]);
    for name in WORLDLY {
        let doctored = format!("{tree}{name} v1.0.0\n");
        assert_eq!(violations(&doctored, &WORLDLY), [name]);
    }
    assert_eq!(
        violations(&format!("{tree}tokio-like v1\n"), &WORLDLY),
        Vec::<&str>::new()
    );
}

#[test]
fn the_layers_above_the_domain_are_seen_to_reach_the_world() {
    let tree = tree("liftlock-io", &["--edges", "normal", "--all-features"]);
    assert!(violations(&tree, &WORLDLY).contains(&"ring"), "{tree}");
}

#[test]
fn ring_is_the_only_cryptography_of_every_binary() {
    for binary in BINARIES {
        let tree = tree(binary, &["--edges", "normal,build"]);
        assert_eq!(
            violations(&tree, &SECOND_CRYPTOGRAPHY),
            Vec::<&str>::new(),
            "{binary}"
        );
    }
}

#[test]
fn the_domain_neither_reads_files_nor_clocks_nor_the_environment() {
    let folder = root().join("crates/liftlock/src");
    for file in workspace::rust_sources(&folder) {
        let source = fs::read_to_string(&file).unwrap();
        assert_eq!(
            impurities(&source),
            Vec::<String>::new(),
            "{}",
            file.display()
        );
    }
}

#[test]
fn an_impure_source_is_caught_however_it_is_written() {
    let cases = [
        ("plain", "use std::fs;", vec!["std::fs"]),
        (
            "call",
            "let now = std::time::Instant::now();",
            vec!["std::time::Instant::now"],
        ),
        (
            "group",
            "use std::{fmt, net::IpAddr};",
            vec!["std::net::IpAddr"],
        ),
        (
            "nested",
            "use std::{time::{Duration, SystemTime}, env};",
            vec!["std::time::SystemTime", "std::env"],
        ),
        ("allowed", "use std::time::Duration;\nuse std::fmt;", vec![]),
        ("comment", "// std::fs is for others\n", vec![]),
        (
            "tests",
            "#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n",
            vec![],
        ),
    ];
    for (name, source, expected) in cases {
        assert_eq!(impurities(source), expected, "{name}");
    }
}

#[test]
fn every_package_takes_the_lints_of_the_workspace() {
    for manifest in workspace::manifests() {
        let text = fs::read_to_string(&manifest).unwrap();
        assert!(
            text.contains("[lints]\nworkspace = true"),
            "{} has lints of its own",
            manifest.display()
        );
    }
}

#[test]
fn a_main_is_a_list_and_not_logic() {
    for manifest in workspace::manifests() {
        let main = manifest
            .parent()
            .unwrap_or(Path::new(""))
            .join("src/main.rs");
        if main.exists() {
            let lines = fs::read_to_string(&main).unwrap().lines().count();
            assert!(lines <= 20, "{} has {lines} lines", main.display());
        }
    }
}

#[test]
fn no_source_is_longer_than_400_lines_before_its_tests() {
    let mut long = Vec::new();
    for manifest in workspace::manifests() {
        let folder = manifest.parent().unwrap_or(Path::new("")).join("src");
        for file in workspace::rust_sources(&folder) {
            let source = fs::read_to_string(&file).unwrap();
            let lines = workspace::without_tests(&source).lines().count();
            if lines > 400 {
                long.push(format!("{}: {lines}", file.display()));
            }
        }
    }
    assert_eq!(long, Vec::<String>::new());
}
