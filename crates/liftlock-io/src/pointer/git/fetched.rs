//! A branch of a repository in one of our own: read at its tip, and pushed to
//! where nobody else pushed in between.

use std::time::Duration;

use liftlock::config::pointer::GitValue;
use liftlock::failure::{Explain as _, Failure, Kind};

use crate::git::{self, Git};
use crate::store;

/// How long one run of git may take.
pub(super) const ROUND: Duration = Duration::from_secs(60);

/// The most bytes that git may answer with: a file, or the notes of a commit.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Where the branch is kept in the repository of our own.
const TIP: &str = "refs/liftlock/tip";

/// What is read of a branch's past.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Only the tip.
    Tip,
    /// Every commit, but the files of the tip alone where the remote can do
    /// that.
    All,
}

/// A repository of our own with the branch in it.
pub(super) struct Fetched<'a> {
    pub(super) value: &'a GitValue,
    pub(super) git: Git,
    pub(super) tip: String,
    _folder: tempfile::TempDir,
}

/// A file as the tip has it.
pub(super) enum File {
    There {
        mode: String,
        bytes: Vec<u8>,
    },
    Absent,
    /// What is there instead.
    Strange(String),
}

/// What one commit changes: whole files.
#[derive(Default)]
pub(super) struct Changes(Vec<Change>);

struct Change {
    name: String,
    mode: String,
    bytes: Vec<u8>,
}

impl Changes {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A file as this commit leaves it.
    pub(super) fn file(&self, fetched: &Fetched<'_>, name: &str) -> Result<File, Failure> {
        match self.0.iter().find(|change| change.name == name) {
            Some(change) => Ok(File::There {
                mode: change.mode.clone(),
                bytes: change.bytes.clone(),
            }),
            None => fetched.file(name),
        }
    }

    /// Has this commit write a file.
    pub(super) fn write(&mut self, name: &str, mode: &str, bytes: Vec<u8>) {
        self.0.retain(|change| change.name != name);
        self.0.push(Change {
            name: name.to_owned(),
            mode: mode.to_owned(),
            bytes,
        });
    }
}

/// What git is told for a repository.
fn address(repo: &str) -> Result<String, Failure> {
    let is_path = ["/", "./", "../"]
        .iter()
        .any(|start| repo.starts_with(start));
    if is_path && !repo.contains(char::is_control) {
        let path = std::path::absolute(repo);
        let path = path.map_err(|error| {
            Failure::because(Kind::Invalid, format!("`{repo}` is no path"), error)
        })?;
        return Ok(path.display().to_string());
    }
    if store::is_url(repo) {
        return Ok(repo.to_owned());
    }
    let message = "the `repo` of a target is no repository: expected a URL of https, ssh or file without a password, or a path that begins with `/`, `./` or `../`";
    Err(Failure::new(Kind::Invalid, message))
}

impl<'a> Fetched<'a> {
    pub(super) fn new(value: &'a GitValue, depth: Depth) -> Result<Self, Failure> {
        let folder = tempfile::tempdir().map_err(|error| {
            Failure::because(Kind::of_system(&error), "no temporary folder", error)
        })?;
        // What the remote did not send because of the filter is asked of it
        // when it is needed.
        let git = Git::new(folder.path(), ROUND, LARGEST)
            .with(format!("remote.origin.url={}", address(&value.repo)?))
            .with("remote.origin.promisor=true".to_owned())
            .with("remote.origin.partialclonefilter=blob:none".to_owned());
        git.ask(&["init", "--quiet", "--bare", "--template="], b"")?;
        let mut fetched = Self {
            value,
            git,
            tip: String::new(),
            _folder: folder,
        };
        fetched.sync(depth)?;
        Ok(fetched)
    }

    /// Makes the branch's tip ours.
    fn sync(&mut self, depth: Depth) -> Result<(), Failure> {
        let refspec = format!("+refs/heads/{}:{TIP}", self.value.branch);
        let depth = match depth {
            Depth::Tip => "--depth=1",
            Depth::All => "--no-auto-maintenance",
        };
        let arguments = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--filter=blob:none",
            depth,
            "origin",
            &refspec,
        ];
        self.git.ask(&arguments, b"").map_err(|error| {
            let (branch, repo) = (&self.value.branch, &self.value.repo);
            Failure::above(
                format!("cannot fetch the branch `{branch}` of `{repo}`"),
                error,
            )
        })?;
        let tip = self.git.ask(&["rev-parse", TIP], b"")?;
        self.tip = String::from_utf8_lossy(&tip).trim().to_owned();
        Ok(())
    }

    /// A file at the tip: neither a folder nor a link.
    fn file(&self, name: &str) -> Result<File, Failure> {
        let Some((mode, blob)) = self.entry(name)? else {
            return self.place(name);
        };
        match mode.as_str() {
            "100644" | "100755" => Ok(File::There {
                bytes: self.git.ask(&["cat-file", "blob", &blob], b"")?,
                mode,
            }),
            _ => Ok(File::Strange(format!("`{name}` is no file"))),
        }
    }

    /// Mode and object of what the tip has under a name.
    fn entry(&self, name: &str) -> Result<Option<(String, String)>, Failure> {
        let arguments = ["ls-tree", "-z", "--full-tree", &self.tip, "--", name];
        let listed = self.git.ask(&arguments, b"")?;
        let listed = String::from_utf8_lossy(&listed);
        let Some((entry, _)) = listed.split_once('\t') else {
            return Ok(None);
        };
        let mut words = entry.split(' ').map(str::to_owned);
        Ok(words.next().zip(words.nth(1)))
    }

    /// Whether a file can be made there: what is above it are folders.
    fn place(&self, name: &str) -> Result<File, Failure> {
        for (end, _) in name.match_indices('/') {
            let above = name.get(..end).unwrap_or_default();
            match self.entry(above)? {
                None => return Ok(File::Absent),
                Some((mode, _)) if mode == "040000" => {}
                Some(_) => return Ok(File::Strange(format!("`{above}` is no folder"))),
            }
        }
        Ok(File::Absent)
    }

    /// Writes one commit on top of the tip, in which only these files differ.
    pub(super) fn commit(&self, changes: &Changes, message: &str) -> Result<String, Failure> {
        let (who, tip) = (self.identity()?, &self.tip);
        let mut stream = format!(
            "commit refs/liftlock/draft\nmark :1\ncommitter {who} now\ndata {}\n{message}from {tip}\n",
            message.len(),
        )
        .into_bytes();
        for Change { name, mode, bytes } in &changes.0 {
            let head = format!("M {mode} inline {name}\ndata {}\n", bytes.len());
            stream.extend_from_slice(head.as_bytes());
            stream.extend_from_slice(bytes);
            stream.push(b'\n');
        }
        stream.extend_from_slice(b"get-mark :1\ndone\n");
        let arguments = [
            "fast-import",
            "--quiet",
            "--force",
            "--done",
            "--date-format=now",
        ];
        let commit = self.git.ask(&arguments, &stream)?;
        Ok(String::from_utf8_lossy(&commit).trim().to_owned())
    }

    /// Who commits: whom git's settings or the environment name, never whom git
    /// guesses from the machine.
    fn identity(&self) -> Result<String, Failure> {
        let arguments = [
            "-c",
            "user.useConfigOnly=true",
            "var",
            "GIT_COMMITTER_IDENT",
        ];
        let output = self.git.attempt(&arguments, b"")?;
        let told = String::from_utf8_lossy(&output.stdout);
        let named = told.trim().rsplit_once('>').filter(|_| output.success);
        Ok(named.map_or_else(
            || "liftlock <liftlock@localhost>".to_owned(),
            |(named, _)| format!("{named}>"),
        ))
    }

    /// Pushes onto exactly the tip that was read; why not, where somebody else
    /// was first. Then the branch is read again.
    pub(super) fn push(&mut self, commit: &str) -> Result<Option<git::Error>, Failure> {
        let branch = &self.value.branch;
        let lease = format!("--force-with-lease=refs/heads/{branch}:{}", self.tip);
        let refspec = format!("{commit}:refs/heads/{branch}");
        let arguments = ["push", "--porcelain", &lease, "origin", &refspec];
        let error = match self.git.attempt(&arguments, b"") {
            Ok(output) if output.success => None,
            Ok(output) => Some(output.error(&arguments)),
            Err(error) => Some(error),
        };
        // A push that failed may have landed all the same: the answer got lost.
        let old = self.tip.clone();
        let read = self.sync(Depth::All);
        if read.is_ok() && self.holds(commit)? {
            return Ok(None);
        }
        match error {
            Some(error) if error.is_lost(self.tip != old) => read.map(|()| Some(error)),
            Some(error) => Err(refused(branch, error)),
            None => {
                read?;
                let message = format!("the branch `{branch}` does not have what it took");
                Err(Failure::new(Kind::Upstream, message))
            }
        }
    }

    /// Whether a commit is in the history of the tip.
    pub(super) fn holds(&self, commit: &str) -> Result<bool, Failure> {
        let arguments = ["merge-base", "--is-ancestor", commit, &self.tip];
        let output = self.git.attempt(&arguments, b"")?;
        match output.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            Some(_) | None => Err(output.error(&arguments).into()),
        }
    }
}

/// Why a push was in vain, other than that somebody else was faster.
pub(super) fn refused(branch: &str, error: git::Error) -> Failure {
    let told = if error.kind() == Kind::Credentials {
        "the remote does not let this job push to"
    } else {
        "cannot push to"
    };
    Failure::above(format!("{told} `{branch}`"), error)
}
