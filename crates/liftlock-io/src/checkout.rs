//! Reads what changed, and files, from a clone on this machine by the names of
//! commits: nothing is checked out and nothing in it is run.

use std::path::PathBuf;
use std::time::Duration;

use liftlock::complaint::Cause;
use liftlock::failure::{Explain, Kind};

use crate::git::{self, Git};

/// The most bytes of one answer: 10,000 of the longest paths are more, and are
/// more than anybody compares.
const LARGEST: u64 = 16 * 1024 * 1024;

/// A clone.
#[derive(Debug)]
pub struct Checkout {
    git: Git,
}

impl Checkout {
    /// The clone in a folder; each call of git ends within the timeout.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, timeout: Duration) -> Self {
        Self {
            git: Git::new(folder, timeout, LARGEST),
        }
    }

    /// The paths that differ between two commits, sorted, each once; of a file
    /// that moved both.
    ///
    /// # Errors
    ///
    /// Fails on a commit that the clone does not have, and on a path that is
    /// no UTF-8.
    pub fn changed(&self, from: &str, to: &str) -> Result<Vec<String>, Error> {
        for commit in [from, to] {
            self.has(commit)?;
        }
        // The plumbing listens to no settings of whoever made the clone.
        let arguments = [
            "diff-tree",
            "-r",
            "-z",
            "--name-only",
            "--no-renames",
            "--no-relative",
            "--ignore-submodules=none",
            from,
            to,
        ];
        let answer = self.git.ask(&arguments, b"")?;
        let text = String::from_utf8(answer).map_err(|error| {
            let shown = String::from_utf8_lossy(error.as_bytes());
            let mut paths = shown.split('\0');
            let path = paths.find(|path| path.contains('\u{fffd}'));
            Error::Letters(path.unwrap_or_default().escape_debug().to_string())
        })?;
        let paths = text.split('\0').filter(|path| !path.is_empty());
        let mut paths: Vec<String> = paths.map(str::to_owned).collect();
        paths.sort();
        paths.dedup();
        Ok(paths)
    }

    /// What a file holds at a commit; nothing where there is no such file.
    ///
    /// # Errors
    ///
    /// Fails on a commit that the clone does not have, and on a folder or link.
    pub fn file(&self, commit: &str, path: &str) -> Result<Option<Vec<u8>>, Error> {
        self.has(commit)?;
        let listed = self
            .git
            .ask(&["ls-tree", "-z", "--full-tree", commit, "--", path], b"")?;
        if listed.is_empty() {
            return Ok(None);
        }
        let listed = String::from_utf8_lossy(&listed);
        let found = listed.split_once('\t').and_then(|(entry, _)| {
            let plain = entry.strip_prefix("100644 blob ");
            plain.or_else(|| entry.strip_prefix("100755 blob "))
        });
        let Some(blob) = found else {
            return Err(Error::NoFile(path.to_owned()));
        };
        Ok(Some(self.git.ask(&["cat-file", "blob", blob], b"")?))
    }

    fn has(&self, commit: &str) -> Result<(), Error> {
        let whole = matches!(commit.len(), 40 | 64)
            && commit
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let absent = || Error::Commit(commit.chars().take(64).collect());
        if !whole {
            return Err(absent());
        }
        let output = self.git.attempt(&["cat-file", "-t", commit], b"")?;
        if output.success && output.stdout == b"commit\n" {
            return Ok(());
        }
        let error = output.error(&["cat-file"]);
        Err(match error.cause() {
            Cause::Owner | Cause::Absent | Cause::Forbidden => error.into(),
            Cause::Race | Cause::Busy | Cause::Ruled | Cause::Unknown => absent(),
        })
    }
}

/// The clone does not tell.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It does not have it, or it is none.
    #[error("the clone has no commit `{0}`")]
    Commit(String),
    /// A folder, a link or a repository inside this one.
    #[error("`{0}` is no file")]
    NoFile(String),
    /// Nobody could compare it with a pattern.
    #[error("the path `{0}` is no UTF-8")]
    Letters(String),
    /// git does not do it.
    #[error(transparent)]
    Git(#[from] git::Error),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Commit(_) | Self::NoFile(_) | Self::Letters(_) => Kind::Invalid,
            Self::Git(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Commit(commit) => Some(format!(
                "fetch it: `git fetch origin {commit}`, or with the whole history"
            )),
            Self::NoFile(_) | Self::Letters(_) => None,
            Self::Git(error) => error.hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct World {
        folder: tempfile::TempDir,
        git: Git,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let git = Git::new(folder.path(), Duration::from_secs(30), 1_000_000);
            git.ask(&["init", "--quiet", "--template="], b"").unwrap();
            Self { folder, git }
        }

        fn checkout(&self) -> Checkout {
            Checkout::new(self.folder.path(), Duration::from_secs(30))
        }

        /// A commit with exactly these entries: mode, path, content.
        fn commit(&self, entries: &[(&str, &[u8], &str)]) -> String {
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
            self.git.ask(&["read-tree", "--empty"], b"").unwrap();
            for (mode, path, content) in entries {
                let blob = self
                    .git
                    .ask(&["hash-object", "-w", "--stdin"], content.as_bytes());
                let mut line = format!("{mode} {}\t", text(blob.unwrap())).into_bytes();
                line.extend_from_slice(path);
                line.push(0);
                self.git
                    .ask(&["update-index", "-z", "--index-info"], &line)
                    .unwrap();
            }
            let tree = text(self.git.ask(&["write-tree"], b"").unwrap());
            let who = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
            let arguments = [who.as_slice(), &["commit-tree", "-m", "x", &tree]].concat();
            text(self.git.ask(&arguments, b"").unwrap())
        }
    }

    const FILE: &str = "100644";

    #[test]
    fn a_moved_file_changed_both_its_paths_whatever_settings_say() {
        let world = World::new();
        for setting in [
            ["diff.renames", "copies"],
            ["diff.relative", "true"],
            ["core.quotePath", "true"],
        ] {
            world
                .git
                .ask(&["config", setting[0], setting[1]], b"")
                .unwrap();
        }
        let one = world.commit(&[
            (FILE, b"a/1", "same"),
            (FILE, b"keep", "x"),
            (FILE, b"\xc3\xa4", "y"),
        ]);
        let two = world.commit(&[
            (FILE, b"b/1", "same"),
            (FILE, b"keep", "x"),
            ("100755", b"\xc3\xa4", "y"),
        ]);
        let checkout = world.checkout();
        let wanted = ["a/1", "b/1", "ä"];
        assert_eq!(checkout.changed(&one, &two).unwrap(), wanted);
        assert_eq!(checkout.changed(&two, &one).unwrap(), wanted);
        assert_eq!(checkout.changed(&one, &one).unwrap(), [""; 0]);
        // Two commits without a common one are compared as well as any.
        assert_eq!(checkout.file(&one, "a/1").unwrap().unwrap(), b"same");
        assert_eq!(checkout.file(&two, "a/1").unwrap(), None);
    }

    #[test]
    fn what_is_no_commit_or_file_is_refused() {
        let world = World::new();
        let one = world.commit(&[(FILE, b"a/1", "x"), ("120000", b"link", "a/1")]);
        let odd = world.commit(&[(FILE, b"\xff", "x")]);
        let checkout = world.checkout();
        for wrong in [
            "HEAD",
            "",
            &one[..12],
            &"0".repeat(40),
            "--output=x",
            &one.to_uppercase(),
        ] {
            let refused = checkout.changed(wrong, &one).unwrap_err();
            assert!(matches!(refused, Error::Commit(_)), "{wrong}: {refused}");
            assert!(matches!(checkout.file(wrong, "a"), Err(Error::Commit(_))));
        }
        for path in ["a", "link"] {
            let refused = checkout.file(&one, path).unwrap_err();
            assert!(matches!(refused, Error::NoFile(_)), "{path}: {refused}");
        }
        let refused = checkout.changed(&one, &odd).unwrap_err();
        assert!(matches!(refused, Error::Letters(_)), "{refused}");
        let empty = tempfile::tempdir().unwrap();
        let nowhere = Checkout::new(empty.path(), Duration::from_secs(30));
        assert!(matches!(nowhere.changed(&one, &one), Err(Error::Git(_))));
    }

    #[test]
    fn an_object_that_stands_in_for_another_is_not_believed() {
        let world = World::new();
        let one = world.commit(&[(FILE, b"CODEOWNERS", "* @alice")]);
        let other = world.commit(&[(FILE, b"CODEOWNERS", "* @mallory")]);
        world.git.ask(&["replace", &one, &other], b"").unwrap();
        let checkout = world.checkout();
        let found = checkout.file(&one, "CODEOWNERS").unwrap().unwrap();
        assert_eq!(found, b"* @alice");
        assert_eq!(checkout.changed(&one, &other).unwrap(), ["CODEOWNERS"]);
    }
}
