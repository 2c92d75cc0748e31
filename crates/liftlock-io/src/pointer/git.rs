//! Values in files of git repositories. Nothing is checked out: the file is
//! read from the branch's tip, and a commit with the new bytes is pushed onto
//! exactly this tip.

use std::time::Duration;

use liftlock::config::pointer::GitValue;
use liftlock::digest::Digest;
use liftlock::failure::{Explain as _, Failure, Kind};
use liftlock::pointer::{Live, is_open};

use super::{Move, Scope};
use crate::git::{self, Git};
use crate::{clock, store};

/// How long a value may take to be moved: a few rounds with the remote.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);

/// How long one run of git may take.
const ROUND: Duration = Duration::from_secs(60);

/// Each lost round means that somebody else pushed to the branch.
const ROUNDS: u32 = 20;

/// The most bytes that git may answer with: a file, or the notes of a commit.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Where the branch is kept in the repository of our own.
const TIP: &str = "refs/liftlock/tip";

/// The trailers of our commits (`git interpret-trailers`).
const WHOSE: &str = "Liftlock-Environment";
const FENCE: &str = "Liftlock-Fence";

/// What is read of a branch's past.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Only the tip.
    Tip,
    /// Every commit, but the files of the tip alone where the remote can do
    /// that.
    All,
}

/// A repository of our own with the branch in it.
struct Fetched<'a> {
    value: &'a GitValue,
    git: Git,
    tip: String,
    _folder: tempfile::TempDir,
}

/// The file as the tip has it.
enum File {
    There { mode: String, bytes: Vec<u8> },
    Not(String),
}

/// Where the value points.
pub(super) fn read(value: &GitValue) -> Result<Live, Failure> {
    let fetched = Fetched::new(value, Depth::Tip)?;
    let (live, _) = fetched.live()?;
    Ok(live)
}

/// Commits and pushes the new value, as often as others push in between
/// without touching it.
pub(super) fn point(value: &GitValue, moved: &Move<'_>, scope: &Scope<'_>) -> Result<(), Failure> {
    let mut fetched = Fetched::new(value, Depth::All)?;
    let started = clock::now();
    let mut lost = None;
    for round in 0..ROUNDS {
        let (live, file) = fetched.live()?;
        if !is_open(&place(value), &live, (moved.from, moved.to))? {
            return Ok(());
        }
        fetched.refuse_older(moved, scope)?;
        let commit = fetched.commit(&file, moved, scope)?;
        match fetched.push(&commit)? {
            None => return Ok(()),
            Some(error) => lost = Some(error),
        }
        let spent = clock::now().millis_since(started);
        if spent > i64::try_from((PATIENCE - ROUND * 2).as_millis()).unwrap_or_default() {
            break;
        }
        clock::wait(git::backoff(round)?);
    }
    let message = format!("others push to {} faster than this", place(value));
    Err(match lost {
        Some(error) => Failure::because(Kind::Upstream, message, error),
        None => Failure::new(Kind::Upstream, message),
    })
}

fn place(value: &GitValue) -> String {
    let GitValue {
        branch, file, path, ..
    } = value;
    format!("`{path}` in `{file}` on `{branch}`")
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
    fn new(value: &'a GitValue, depth: Depth) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()
            .map_err(|error| Failure::because(Kind::Upstream, "no temporary folder", error))?;
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
        let output = self.git.attempt(&arguments, b"")?;
        if !output.success {
            let absent = output.stderr.contains("couldn't find remote ref");
            let (error, branch) = (output.error(&arguments), &self.value.branch);
            let kind = if absent { Kind::Invalid } else { error.kind() };
            let message = format!(
                "cannot fetch the branch `{branch}` of `{}`",
                self.value.repo
            );
            let hint = error.hint();
            let failure = Failure::because(kind, message, error);
            return Err(match hint {
                Some(hint) => failure.with_hint(hint),
                None => failure,
            });
        }
        let tip = self.git.ask(&["rev-parse", TIP], b"")?;
        self.tip = String::from_utf8_lossy(&tip).trim().to_owned();
        Ok(())
    }

    /// The file at the tip: neither a folder nor a link.
    fn file(&self) -> Result<File, Failure> {
        let name = &self.value.file;
        let arguments = ["ls-tree", "-z", "--full-tree", &self.tip, "--", name];
        let listed = self.git.ask(&arguments, b"")?;
        let listed = String::from_utf8_lossy(&listed);
        let Some((entry, _)) = listed.split_once('\t') else {
            return Ok(File::Not(format!("there is no file `{name}`")));
        };
        let mut words = entry.split(' ');
        let (mode, blob) = (words.next().unwrap_or_default(), words.nth(1));
        match (mode, blob) {
            ("100644" | "100755", Some(blob)) => Ok(File::There {
                mode: mode.to_owned(),
                bytes: self.git.ask(&["cat-file", "blob", blob], b"")?,
            }),
            (_, _) => Ok(File::Not(format!("`{name}` is no file"))),
        }
    }

    /// Where the value points at the tip.
    fn live(&self) -> Result<(Live, File), Failure> {
        let file = self.file()?;
        let live = match &file {
            File::Not(why) => Live::Strange(why.clone()),
            File::There { bytes, .. } => match self.value.spot() {
                None => Live::Strange("a file of no known format".to_owned()),
                Some(spot) => match spot.read(bytes) {
                    Err(error) => Live::Strange(error.to_string()),
                    Ok(text) => match self.value.understand(&text) {
                        Ok(found) => Live::from(found),
                        Err(error) => Live::Strange(error.to_string()),
                    },
                },
            },
        };
        Ok((live, file))
    }

    /// Refuses when the newest commit of this environment on the branch is of
    /// a newer owner than ours.
    fn refuse_older(&self, moved: &Move<'_>, scope: &Scope<'_>) -> Result<(), Failure> {
        let (service, environment) = (scope.service, scope.environment);
        let whose = format!("^{WHOSE}: {service}/{environment}$").replace('.', "[.]");
        let grep = format!("--grep={whose}");
        let format = format!("--format=%(trailers:key={FENCE},valueonly)");
        let arguments = ["log", "-1", "--extended-regexp", &grep, &format, &self.tip];
        let found = self.git.ask(&arguments, b"")?;
        let found = String::from_utf8_lossy(&found);
        let Some(newest) = found.split_whitespace().last() else {
            return Ok(());
        };
        match newest.parse::<u64>() {
            Ok(fence) if fence <= moved.fence => Ok(()),
            Ok(_) | Err(_) => {
                let message = format!(
                    "{} was moved by a newer owner of {environment}: its fence is {newest}, ours is {}",
                    place(self.value),
                    moved.fence
                );
                Err(Failure::new(Kind::Blocked, message).with_hint(format!(
                    "look at `promote status`; after a lost state store, push a commit with the trailers `{WHOSE}: {service}/{environment}` and `{FENCE}: 0`"
                )))
            }
        }
    }

    /// Writes one commit on top of the tip, in which only the value differs.
    fn commit(&self, file: &File, moved: &Move<'_>, scope: &Scope<'_>) -> Result<String, Failure> {
        let (File::There { mode, bytes }, Some(spot)) = (file, self.value.spot()) else {
            return Err(Failure::new(Kind::Bug, "a value without file was read"));
        };
        let changed = spot.replace(bytes, &self.value.say(&moved.to))?;
        let message = message(self.value, moved, scope);
        let who = self.identity()?;
        let (tip, name) = (&self.tip, &self.value.file);
        let mut stream = format!(
            "commit refs/liftlock/draft\nmark :1\ncommitter {who} now\ndata {}\n{message}from {tip}\n\
             M {mode} inline {name}\ndata {}\n",
            message.len(),
            changed.len(),
        )
        .into_bytes();
        stream.extend_from_slice(&changed);
        stream.extend_from_slice(b"\nget-mark :1\ndone\n");
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
    fn push(&mut self, commit: &str) -> Result<Option<git::Error>, Failure> {
        let branch = &self.value.branch;
        let lease = format!("--force-with-lease=refs/heads/{branch}:{}", self.tip);
        let refspec = format!("{commit}:refs/heads/{branch}");
        let arguments = ["push", "--porcelain", &lease, "origin", &refspec];
        let (is_final, error) = match self.git.attempt(&arguments, b"") {
            Ok(output) if output.success => (false, None),
            Ok(output) => (git::is_final(&output), Some(output.error(&arguments))),
            Err(error) => (true, Some(error)),
        };
        // A push that failed may have landed all the same: the answer got lost.
        let read = self.sync(Depth::All);
        if read.is_ok() && self.holds(commit)? {
            return Ok(None);
        }
        match error {
            Some(error) if is_final => Err(refused(branch, error)),
            Some(error) => read.map(|()| Some(error)),
            None => {
                read?;
                let message = format!("the branch `{branch}` does not have what it took");
                Err(Failure::new(Kind::Upstream, message))
            }
        }
    }

    /// Whether a commit is in the history of the tip.
    fn holds(&self, commit: &str) -> Result<bool, Failure> {
        let arguments = ["merge-base", "--is-ancestor", commit, &self.tip];
        let output = self.git.attempt(&arguments, b"")?;
        match output.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            Some(_) | None => Err(output.error(&arguments).into()),
        }
    }
}

/// The remote's rules said no, or there was no answer.
fn refused(branch: &str, error: git::Error) -> Failure {
    let told = error.to_string();
    let rules = ["declined", "protected", "prohibited", "denied"];
    if rules.iter().any(|rule| told.contains(rule)) {
        let message = format!("the remote does not let this job push to `{branch}`");
        return Failure::because(Kind::Credentials, message, error)
            .with_hint("let the identity of this job push to the branch, or name another branch");
    }
    error.into()
}

fn message(value: &GitValue, moved: &Move<'_>, scope: &Scope<'_>) -> String {
    let plain = |text: &str| text.replace(char::is_control, " ");
    let (release, digest) = (plain(&moved.release.id), moved.release.digest);
    let from = moved
        .from
        .as_ref()
        .map_or("nothing".to_owned(), Digest::short);
    let (service, environment) = (scope.service, scope.environment);
    format!(
        "Point {environment} at {release}\n\n{}: {from} to {}\n\n\
         {WHOSE}: {service}/{environment}\nLiftlock-Release: {release} {digest}\n\
         Liftlock-Plan: {}\n{FENCE}: {}\n",
        place(value),
        moved.to.short(),
        moved.plan,
        moved.fence,
    )
}
