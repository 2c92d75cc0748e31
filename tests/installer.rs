//! What `scripts/install.sh` installs was checked first, or nothing is.

#![cfg(test)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use testkit::cli::{Output, Run};
use testkit::http::{Answer, Server};
use testkit::peers::root;

const VERBS: [&str; 6] = [
    "sign-artifact",
    "canary-check",
    "await-approval",
    "promote",
    "rollback",
    "audit-log",
];

/// A program that says its name, as a mirror serves it.
fn program(verb: &str) -> String {
    format!("#!/bin/sh\necho {verb}\n")
}

fn asset(verb: &str) -> String {
    let machine = std::env::consts::ARCH;
    format!("{verb}-{machine}-unknown-linux-musl")
}

fn sum(text: &str) -> String {
    let output = Run::new("sha256sum").stdin(text).output().unwrap();
    output.stdout.split(' ').next().unwrap().to_owned()
}

/// A manifest of all binaries but those left out.
fn manifest(without: &[&str]) -> String {
    let lines = VERBS
        .iter()
        .filter(|verb| !without.contains(verb))
        .map(|verb| format!("{}  {}\n", sum(&program(verb)), asset(verb)));
    format!("# version 1.2.3\n{}", lines.collect::<String>())
}

/// Serves the release 1.2.3 below `/mirror`, with one program exchanged.
fn mirror(exchanged: Option<&'static str>) -> Server {
    Server::start(move |request| {
        let name = request.path().strip_prefix("/mirror/v1.2.3/");
        let verb = VERBS.iter().find(|verb| name == Some(&asset(verb)));
        match verb {
            Some(verb) if exchanged == Some(*verb) => Answer::new(200).body("#!/bin/sh\nevil\n"),
            Some(verb) => Answer::new(200).body(program(verb)),
            None => Answer::new(404),
        }
    })
    .unwrap()
}

/// A copy of the script with this manifest, an empty cache, and a mirror.
struct Place {
    _home: Output,
    script: String,
    cache: String,
    mirror: Server,
}

fn place(manifest: &str, mirror: Server) -> Place {
    let home = Run::new("true").output().unwrap();
    let folder = home.folder();
    let script = folder.join("install.sh");
    fs::copy(root().join("scripts/install.sh"), &script).unwrap();
    fs::write(folder.join("manifest.txt"), manifest).unwrap();
    Place {
        script: script.display().to_string(),
        cache: folder.join("cache").display().to_string(),
        _home: home,
        mirror,
    }
}

impl Place {
    fn run(&self) -> Output {
        Run::new("sh")
            .args([&self.script])
            .env("RUNNER_TOOL_CACHE", &self.cache)
            .env("LIFTLOCK_DOWNLOAD_BASE_URL", self.mirror.url("/mirror"))
            .output()
            .unwrap()
    }

    /// Runs it, expects a refusal, and gives what it said.
    fn refused(&self) -> String {
        let output = self.run();
        assert_eq!((output.code, output.stdout.as_str()), (1, ""));
        output.stderr
    }
}

#[test]
fn good_binaries_are_installed_once() {
    let place = place(&manifest(&[]), mirror(None));
    let output = place.run();
    assert_eq!(output.code, 0, "{}", output.stderr);
    let folder = Path::new(output.stdout.trim_end());
    for verb in VERBS {
        let said = Run::new(folder.join(verb)).output().unwrap().stdout;
        assert_eq!(said.trim_end(), verb);
    }
    assert_eq!(place.run().stdout, output.stdout);
    assert_eq!(place.mirror.requests().len(), VERBS.len());
    let left = fs::read_dir(folder.parent().unwrap()).unwrap().count();
    assert_eq!(left, 1, "a draft was left behind");
}

#[test]
fn without_a_home_it_says_what_to_set() {
    let place = place(&manifest(&[]), mirror(None));
    let output = Run::new("env")
        .args(["-u", "HOME", "sh", &place.script])
        .output()
        .unwrap();
    assert_eq!((output.code, output.stdout.as_str()), (1, ""));
    let told = "install: there is no place for the binaries; set XDG_CACHE_HOME to a folder\n";
    assert_eq!(output.stderr, told);
}

#[test]
fn a_wrong_checksum_installs_nothing() {
    let place = place(&manifest(&[]), mirror(Some("rollback")));
    assert!(place.refused().contains("nothing was installed"));
    let left = fs::read_dir(format!("{}/liftlock/1.2.3", place.cache)).unwrap();
    assert_eq!(left.count(), 0);
}

#[test]
fn a_binary_without_a_checksum_is_not_even_asked_for() {
    let place = place(&manifest(&["promote"]), mirror(None));
    let said = place.refused();
    assert!(said.contains("has no released promote"), "{said}");
    assert!(said.contains("`bin-dir`"), "{said}");
    assert_eq!(place.mirror.requests(), []);
}

#[test]
fn a_cached_binary_that_was_exchanged_is_refused() {
    let place = place(&manifest(&[]), mirror(None));
    let folder = place.run().stdout.trim_end().to_owned();
    fs::write(format!("{folder}/promote"), "#!/bin/sh\nevil\n").unwrap();
    assert!(place.refused().contains("promote` has checksum"));
    fs::remove_file(format!("{folder}/promote")).unwrap();
    assert!(place.refused().contains("is missing"));
}

#[test]
fn a_mirror_without_the_release_is_an_error() {
    let empty = Server::script([Answer::new(404)]).unwrap();
    let place = place(&manifest(&[]), empty);
    assert!(place.refused().contains("cannot download"));
}

#[test]
fn own_binaries_are_taken_as_they_are_but_all_have_to_be_there() {
    let place = place("# version 1.2.3\n", mirror(None));
    let folder = format!("{}/own", place.cache);
    fs::create_dir_all(&folder).unwrap();
    let own = || {
        let run = Run::new("sh").args([&place.script]);
        run.env("LIFTLOCK_BIN_DIR", &folder).output().unwrap()
    };
    let missing = own();
    assert_eq!((missing.code, missing.stdout.as_str()), (1, ""));
    for verb in VERBS {
        let path = format!("{folder}/{verb}");
        fs::write(&path, program(verb)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let output = own();
    assert_eq!((output.code, output.stdout), (0, format!("{folder}\n")));
}

#[test]
fn the_manifest_is_of_the_version_of_the_workspace() {
    let manifest = fs::read_to_string(root().join("scripts/manifest.txt")).unwrap();
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let version = manifest
        .lines()
        .find_map(|line| line.strip_prefix("# version "))
        .unwrap();
    assert!(workspace.contains(&format!("\nversion = \"{version}\"\n")));
}
