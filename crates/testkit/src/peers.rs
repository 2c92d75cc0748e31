//! Finds the real programs that tests talk to. Their absence is never silent.

use std::env;
use std::path::{Path, PathBuf};

/// The program's path: in `LIFTLOCK_PEERS_DIR` (default `.peers`), on `PATH`,
/// in the folders of administrators, among Go's programs.
#[must_use]
pub fn find(name: &str) -> Option<PathBuf> {
    folders()
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// The program's path, or a line that says why the test is skipped.
///
/// # Panics
///
/// Panics when it is missing and `LIFTLOCK_PEERS` is `required`.
#[must_use]
#[expect(
    clippy::print_stderr,
    reason = "this is how a test says that it is skipped"
)]
pub fn require(name: &str) -> Option<PathBuf> {
    let found = find(name);
    if found.is_none() {
        let required = env::var_os("LIFTLOCK_PEERS").is_some_and(|value| value == "required");
        assert!(!required, "{name} not found, run scripts/peers");
        eprintln!("skipped: {name} not found, run scripts/peers");
    }
    found
}

/// The root of this repository: the nearest folder with a lock file.
///
/// Asked at run time, since a build folder may be shared by several work trees.
///
/// # Panics
///
/// Panics outside of the repository.
#[must_use]
#[expect(clippy::expect_used, reason = "a test cannot go on without its files")]
pub fn root() -> PathBuf {
    let here = env::current_dir().expect("there is a current folder");
    here.ancestors()
        .find(|folder| folder.join("Cargo.lock").is_file())
        .map(Path::to_path_buf)
        .expect("tests run inside the repository")
}

/// Where `scripts/peers` puts what it installs: `LIFTLOCK_PEERS_DIR`, default `.peers`.
#[must_use]
pub fn folder() -> PathBuf {
    env::var_os("LIFTLOCK_PEERS_DIR").map_or_else(
        || root().join(".peers"),
        |folder| root().join(PathBuf::from(folder)),
    )
}

fn folders() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = vec![folder().join("bin")];
    folders.extend(env::split_paths(&path));
    folders.extend(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.extend(env::var_os("HOME").map(|home| PathBuf::from(home).join("go/bin")));
    folders
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Run;

    #[test]
    fn what_everyone_has_is_found() {
        assert!(find("sh").unwrap().ends_with("sh"));
        assert!(require("git").is_some());
    }

    #[test]
    fn what_nobody_has_is_not_found() {
        assert_eq!(find("no-such-program-anywhere"), None);
    }

    #[test]
    #[ignore = "run by another test"]
    fn body_that_needs_what_nobody_has() {
        assert_eq!(require("no-such-program-anywhere"), None);
    }

    #[test]
    fn a_missing_program_skips_a_test_unless_it_is_required() {
        let run = |required| {
            let name = "peers::tests::body_that_needs_what_nobody_has";
            let run = Run::new(env::current_exe().unwrap()).folder(root());
            run.args([name, "--exact", "--ignored", "--nocapture"])
                .env("LIFTLOCK_PEERS", required)
                .output()
                .unwrap()
        };
        let (free, strict) = (run(""), run("required"));
        let skipped = "skipped: no-such-program-anywhere not found, run scripts/peers";
        assert_eq!(free.code, 0);
        assert!(free.stderr.contains(skipped), "{}", free.stderr);
        assert_eq!(strict.code, 101);
    }

    #[test]
    fn the_root_holds_the_workspace() {
        assert!(root().join("crates/testkit/Cargo.toml").is_file());
    }
}
