//! Where the rules of a run come from, and that a change cannot loosen them.
#![cfg(test)]

use std::fs;
use std::path::Path;

use serde_json::Value;
use testkit::cli::{self, Output, Run};
use testkit::git;
use testkit::samples::Key;

const PRODUCTION: &str = "
environments:
  production:
    requires: [signature, approval]
    approval: { quorum: 2, people: [alice, bob] }
    place: { command: ['true'] }
    prove: { files: 'slots/{slot}' }
    traffic: { weights-file: { path: weights.json, slots: { stable: blue, canary: green } } }
    metrics: { counts: counts.csv }
    slo: { availability: 99% }
";

const STORES: &str = "state: file:state\nledger: file:ledger\nevidence: file:evidence\n";

const TRUST: &str = "\
trust:
  - { name: ci, roles: [builder], keys: [{ key-file: keys/builder.pub }] }
people:
  alice: { keys: [{ key-file: keys/alice.pub }] }
  bob: { keys: [{ key-file: keys/bob.pub }] }
";

fn policy() -> String {
    format!("version: 1\nservice: shop\nartifacts: {{ api: file }}\n{STORES}{TRUST}{PRODUCTION}")
}

fn keys() -> Vec<(String, String)> {
    ["builder", "alice", "bob"]
        .map(|name| (format!("keys/{name}.pub"), Key::named(name).public_pem()))
        .into()
}

fn put(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Asks `promote status`, which moves nothing and needs the rules.
fn status(folder: &Path, place: &str, more: &[&str]) -> Output {
    Run::new(cli::bin("promote"))
        .args(["status", "--environment", "production", "--format", "json"])
        .args(more)
        .env("LIFTLOCK_POLICY", place)
        .folder(folder)
        .output()
        .unwrap()
}

fn assert_protected(output: &Output) {
    assert_eq!(output.code, 0, "{}", output.stderr);
    let result: Value = output.json().unwrap();
    assert_eq!(result["policy"], "protected");
    assert_eq!(result["service"], "shop");
}

fn assert_invalid(output: &Output, parts: &[&str]) {
    assert_eq!((output.code, output.stdout.as_str()), (3, ""));
    for part in parts {
        assert!(output.stderr.contains(part), "{part}: {}", output.stderr);
    }
}

/// A policy in a folder above the one that a change may touch.
fn in_a_folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "policy/policy.yaml", text);
    for (name, pem) in keys() {
        put(folder.path(), &format!("policy/{name}"), &pem);
    }
    fs::create_dir(folder.path().join("change")).unwrap();
    folder
}

const IN_A_FOLDER: &str = "file:../policy/policy.yaml";

#[test]
fn a_policy_is_read_from_a_file_with_its_keys_beside_it() {
    let folder = in_a_folder(&policy());
    let change = folder.path().join("change");
    assert_protected(&status(&change, IN_A_FOLDER, &[]));
    // A key of the change does not take the place of the policy's.
    put(&change, "keys/builder.pub", "not a key");
    assert_protected(&status(&change, IN_A_FOLDER, &[]));
    put(folder.path(), "policy/keys/builder.pub", "not a key");
    let broken = status(&change, IN_A_FOLDER, &[]);
    assert_invalid(&broken, &["builder.pub", "no public key"]);
}

#[test]
fn a_policy_is_read_from_a_git_repository_with_its_keys_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let (keys, text) = (keys(), policy());
    let mut files: Vec<(String, &str)> = keys
        .iter()
        .map(|(name, pem)| (format!("shop/{name}"), pem.as_str()))
        .collect();
    files.push(("shop/policy.yaml".to_owned(), &text));
    let named: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, pem)| (name.as_str(), *pem))
        .collect();
    let url = git::bare_with(&folder.path().join("policy.git"), &named).unwrap();
    let change = folder.path().join("change");
    fs::create_dir(&change).unwrap();
    assert_protected(&status(
        &change,
        &format!("git+{url}@main#shop/policy.yaml"),
        &[],
    ));

    let absent = status(&change, &format!("git+{url}@main#shop/absent.yaml"), &[]);
    assert_ne!(absent.code, 0);
    assert!(absent.stderr.contains("absent.yaml"), "{}", absent.stderr);
    let branch = status(&change, &format!("git+{url}@other#shop/policy.yaml"), &[]);
    assert_ne!(branch.code, 0);
    assert_eq!(branch.stdout, "");
}

#[test]
fn a_trusted_root_lies_beside_the_policy_and_not_in_the_change() {
    let root = std::str::from_utf8(liftlock::sigstore::public::TRUSTED_ROOT).unwrap();
    let text = format!("{}sigstore: {{ trusted-root: root.json }}\n", policy());
    let folder = in_a_folder(&text);
    let change = folder.path().join("change");
    put(&change, "root.json", root);
    let absent = status(&change, IN_A_FOLDER, &[]);
    assert_invalid(&absent, &["root.json"]);
    put(folder.path(), "policy/root.json", "{}");
    let broken = status(&change, IN_A_FOLDER, &[]);
    assert_invalid(&broken, &["root.json", "no trusted root"]);
    put(folder.path(), "policy/root.json", root);
    assert_protected(&status(&change, IN_A_FOLDER, &[]));
    let local = "version: 1\nsigstore: { trusted-root: root.json }\n";
    put(&change, "liftlock.yaml", local);
    let loose = status(&change, IN_A_FOLDER, &[]);
    assert_invalid(&loose, &["loosens the policy", "sigstore"]);

    let mut files = vec![
        ("policy.yaml".to_owned(), text),
        ("root.json".to_owned(), root.to_owned()),
    ];
    files.extend(keys());
    let named: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let url = git::bare_with(&folder.path().join("policy.git"), &named).unwrap();
    fs::remove_file(change.join("liftlock.yaml")).unwrap();
    let place = format!("git+{url}@main#policy.yaml");
    assert_protected(&status(&change, &place, &[]));
}

#[test]
fn a_change_may_tighten_the_policy_and_not_loosen_it() {
    let folder = in_a_folder(&policy());
    let change = folder.path().join("change");
    let write = |text: &str| {
        put(
            &change,
            "liftlock.yaml",
            &format!("version: 1\nservice: shop\n{text}"),
        );
    };
    write("environments: { production: { min-requests: 1000 } }\n");
    assert_protected(&status(&change, IN_A_FOLDER, &[]));
    let loose = [
        (
            "environments: { production: { approval: { quorum: 1, people: [alice, bob] } } }\n",
            "quorum",
        ),
        (
            "environments: { production: { approval: { quorum: 2, people: [alice, bob, eve] } } }\n",
            "people",
        ),
        ("ledger: file:elsewhere\n", "ledger"),
        ("state: file:elsewhere\n", "state"),
        ("evidence: file:elsewhere\n", "evidence"),
        ("trust: []\n", "trust"),
        ("accept: []\n", "accept"),
        (
            "environments: { production: { slo: { availability: 1% } } }\n",
            "slo",
        ),
        ("environments: { staging: {} }\n", "staging"),
    ];
    for (text, field) in loose {
        write(text);
        let output = status(&change, IN_A_FOLDER, &[]);
        assert_invalid(&output, &["loosens the policy", field, "hint: "]);
    }
}

#[test]
fn a_setting_that_names_no_policy_is_refused_and_not_ignored() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "liftlock.yaml", &policy());
    for (name, pem) in keys() {
        put(folder.path(), &name, &pem);
    }
    assert_eq!(status(folder.path(), "", &[]).code, 0, "empty is unset");
    for place in [
        "policy.yaml",
        "git+file:///policy.git",
        "git+file:///policy.git#policy.yaml",
        "git+file:///policy.git@main",
        "git+--upload-pack=evil@main#policy.yaml",
        "git+file:///policy.git@--evil#policy.yaml",
        "https://example.org/policy.yaml",
    ] {
        assert_invalid(&status(folder.path(), place, &[]), &["`LIFTLOCK_POLICY`"]);
    }
    let absent = status(folder.path(), "file:absent.yaml", &[]);
    assert_invalid(&absent, &["absent.yaml"]);
}

#[test]
fn a_policy_can_forbid_to_observe() {
    let folder =
        in_a_folder(&policy().replace("service: shop", "service: shop\nallow: { observe: false }"));
    let change = folder.path().join("change");
    assert_protected(&status(&change, IN_A_FOLDER, &[]));
    let output = status(&change, IN_A_FOLDER, &["--mode", "observe"]);
    assert_invalid(&output, &["`--mode observe`"]);
    let needs_no_rules = Run::new(cli::bin("sign-artifact"))
        .args(["doctor", "--mode", "observe"])
        .env("LIFTLOCK_POLICY", IN_A_FOLDER)
        .folder(&change)
        .output()
        .unwrap();
    assert_invalid(&needs_no_rules, &["`--mode observe`"]);
    put(
        &change,
        "liftlock.yaml",
        "version: 1\nservice: shop\nallow: { observe: true }\n",
    );
    assert_invalid(&status(&change, IN_A_FOLDER, &[]), &["allow"]);
}

#[test]
fn a_monorepo_is_told_which_service() {
    let folder = tempfile::tempdir().unwrap();
    let indented = |text: &str| text.replace('\n', "\n    ");
    let one = format!("{STORES}{PRODUCTION}");
    let text = format!(
        "version: 1\nservices:\n  shop:\n    {}\n  cart:\n    {}\n",
        indented(one.trim_end()),
        indented(one.trim_end())
    );
    put(
        folder.path(),
        "liftlock.yaml",
        &text.replace("[signature, approval]", "[signature]"),
    );
    let which = status(folder.path(), "", &[]);
    assert_invalid(&which, &["cart, shop", "`--service`"]);
    let unknown = status(folder.path(), "", &["--service", "till"]);
    assert_invalid(&unknown, &["`till`", "cart, shop"]);
    for service in ["shop", "cart"] {
        let output = status(folder.path(), "", &["--service", service]);
        assert_eq!(output.code, 0, "{}", output.stderr);
        assert_eq!(output.json().unwrap()["service"], service);
        assert_eq!(output.json().unwrap()["policy"], "local");
    }
}
