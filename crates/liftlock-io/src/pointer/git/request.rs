//! A value that people move: the commit is pushed to a branch of its own, and a
//! request asks to merge it. Nothing is merged here. What counts is the value at
//! the tip of the branch: a squash or a rebase makes another commit.

#[cfg(test)]
mod tests;

use liftlock::approval::forge::Forge;
use liftlock::ci::github::escape_markdown;
use liftlock::config::pointer::{GitValue, Request};
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::pointer::request::{Asked, Merged, Stage, choose};
use liftlock::pointer::{Live, is_open};

use super::fetched::{Depth, Fetched, File, refused};
use super::hold::Marked;
use super::{FENCE, WHOSE, message, named, place, subject};
use crate::clock;
use crate::forge::{Asking, Error};
use crate::github::GitHub;
use crate::gitlab::GitLab;
use crate::pointer::{Move, Moved, Scope, Withdrawn, github, gitlab};

/// Where our branch is kept in the repository of our own.
const HEAD: &str = "refs/liftlock/head";

/// How long a merge that the forge tells of may take to show in the branch.
/// Later the value has the last word: history may have been rewritten.
const SHOWN: i64 = 5 * 60 * 1_000;

/// The longest title, in characters; GitLab takes 255.
const TITLE: usize = 200;

/// Where people are asked.
pub(super) enum Home {
    Github(GitHub),
    Gitlab(GitLab),
}

/// A value that people move, and one move of it.
pub(super) struct Way<'a> {
    pub(super) value: &'a GitValue,
    pub(super) home: Home,
    pub(super) moved: &'a Move<'a>,
    pub(super) scope: &'a Scope<'a>,
}

impl Home {
    pub(super) fn open(request: &Request, scope: &Scope<'_>) -> Result<Self, Failure> {
        let repository = &request.repository;
        match repository.instance().forge {
            Forge::Github => github::open(repository, scope.ca_file).map(Self::Github),
            Forge::Gitlab => gitlab::open(repository, scope.ca_file).map(Self::Gitlab),
        }
    }

    fn all(&self, head: &str, base: &str) -> Result<Vec<Asked>, Error> {
        match self {
            Self::Github(github) => github.pulls(head, base),
            Self::Gitlab(gitlab) => gitlab.merge_requests(head, base),
        }
    }

    fn ask(&self, wanted: &Asking<'_>) -> Result<String, Error> {
        match self {
            Self::Github(github) => github.open_pull(wanted),
            Self::Gitlab(gitlab) => gitlab.open_merge_request(wanted),
        }
    }

    fn close(&self, number: u64) -> Result<(), Error> {
        match self {
            Self::Github(github) => github.close_pull(number),
            Self::Gitlab(gitlab) => gitlab.close_merge_request(number),
        }
    }
}

/// The branch of a move: whoever goes on with the plan finds it again.
fn head(value: &GitValue, moved: &Move<'_>, scope: &Scope<'_>) -> String {
    let Scope {
        service,
        environment,
        ..
    } = scope;
    let what = format!("{}\0{}", value.label(), moved.to);
    let what = Digest::of(what.as_bytes()).short();
    let plan = moved.plan.short();
    format!("liftlock/{service}/{environment}/{plan}-{what}")
}

fn left(head: &str, why: &Failure) {
    tracing::warn!("`{head}` is left: {}", why.lines().join(": "));
}

impl Way<'_> {
    /// Asks people, or looks what they did. Whoever asks again finds the branch
    /// and the request that are there.
    pub(super) fn propose(&self) -> Result<Moved, Failure> {
        let head = self.head();
        // In this order: what the forge calls merged is in what is fetched then.
        let asked = choose(self.home.all(&head, &self.value.branch)?);
        let fetched = Fetched::new(self.value, Depth::All)?;
        let (live, file) = fetched.live()?;
        if !self.is_open(&live)? {
            return Ok(Moved::Already);
        }
        fetched.refuse_older(self.moved, self.scope)?;
        let there = fetched.has(&head)?;
        match asked.map(|asked| (asked.stage, asked.page)) {
            Some((Stage::Merged(merged), page)) => self.merged(&fetched, &merged, &page),
            Some((Stage::Closed, page)) => Ok(Moved::Refused(format!(
                "{page} was closed without being merged"
            ))),
            Some((Stage::Open, page)) => match fetched.foreign(&head, there, &self.moved.to)? {
                None => Ok(Moved::Waits(page)),
                Some(why) => Ok(Moved::Refused(format!("{page}: {why}"))),
            },
            None if there => match fetched.foreign(&head, there, &self.moved.to)? {
                None => self.ask(&head),
                Some(why) => Ok(Moved::Refused(why)),
            },
            None => {
                self.push(&fetched, &file, &head)?;
                self.ask(&head)
            }
        }
    }

    /// Sees to it that nobody merges it any more, wherever the value is now.
    pub(super) fn withdraw(&self) -> Result<Withdrawn, Failure> {
        let head = self.head();
        let base = &self.value.branch;
        let all = self.home.all(&head, base)?;
        for open in all.iter().filter(|one| one.stage == Stage::Open) {
            self.home.close(open.number)?;
        }
        let asked = choose(self.home.all(&head, base)?);
        let fetched = Fetched::new(self.value, Depth::All)?;
        let (live, _) = fetched.live()?;
        let merged_at = match asked.map(|asked| (asked.stage, asked.page)) {
            Some((Stage::Open, page)) => {
                return Err(Failure::new(
                    Kind::Upstream,
                    format!("{page} is still open after it was closed"),
                ));
            }
            Some((Stage::Merged(merged), page)) => {
                if !live.is(Some(self.moved.to)) {
                    fetched.refuse_unseen(&merged, &page)?;
                }
                merged.at
            }
            Some((Stage::Closed, _)) | None => None,
        };
        fetched.tidy(&head, &self.moved.to);
        Ok(Withdrawn { live, merged_at })
    }

    /// The merge that the forge tells of.
    pub(super) fn merge(&self) -> Result<Option<Merged>, Failure> {
        let all = self.home.all(&self.head(), &self.value.branch)?;
        Ok(match choose(all).map(|asked| asked.stage) {
            Some(Stage::Merged(merged)) => Some(merged),
            Some(Stage::Open | Stage::Closed) | None => None,
        })
    }

    fn head(&self) -> String {
        head(self.value, self.moved, self.scope)
    }

    fn is_open(&self, live: &Live) -> Result<bool, Failure> {
        let ends = (self.moved.from, self.moved.to);
        is_open(&place(self.value), live, ends)
    }

    /// It is merged, and the value is what it was.
    fn merged(&self, fetched: &Fetched<'_>, merged: &Merged, page: &str) -> Result<Moved, Failure> {
        fetched.refuse_unseen(merged, page)?;
        Ok(Moved::Refused(format!(
            "{page} is merged, and {} is what it was before: somebody put it back, or took the change out of it",
            place(self.value)
        )))
    }

    fn push(&self, fetched: &Fetched<'_>, file: &File, head: &str) -> Result<(), Failure> {
        let changes = fetched.changed(file, self.moved)?;
        let message = message(self.value, self.moved, self.scope, &Marked::default());
        let commit = fetched.commit(&changes, &message)?;
        // Only where there is no such branch.
        let lease = format!("--force-with-lease=refs/heads/{head}:");
        let refspec = format!("{commit}:refs/heads/{head}");
        let arguments = ["push", "--porcelain", &lease, "origin", &refspec];
        let output = fetched.git.attempt(&arguments, b"")?;
        if output.success {
            return Ok(());
        }
        Err(refused(head, output.error(&arguments)))
    }

    fn ask(&self, head: &str) -> Result<Moved, Failure> {
        let title = subject(self.moved, self.scope);
        let title: String = title.chars().take(TITLE).collect();
        let asked = self.home.ask(&Asking {
            title: &title,
            body: &self.text(),
            head,
            base: &self.value.branch,
        });
        match asked {
            Ok(page) => Ok(Moved::Waits(page)),
            // Whoever else drives this plan may have been faster.
            Err(error) => match choose(self.home.all(head, &self.value.branch)?) {
                Some(Asked {
                    stage: Stage::Open,
                    page,
                    ..
                }) => Ok(Moved::Waits(page)),
                Some(_) | None => Err(refusal(error)),
            },
        }
    }

    /// The text of the request. Its end are the trailers, for the forges that
    /// make the commit of a squash from it.
    fn text(&self) -> String {
        let Scope {
            service,
            environment,
            ..
        } = self.scope;
        let moved = self.moved;
        let from = moved.from.as_ref().map_or("nothing".into(), Digest::short);
        format!(
            "{}: {from} to {}, for {}.\n\nThe plan goes on once this is merged, by whoever merges it. \
             It looks at the value alone, so a squash or a rebase is fine; any other change on this \
             branch is refused.\n\n{WHOSE}: {service}/{environment}\nLiftlock-Plan: {}\n{FENCE}: {}\n",
            place(self.value),
            moved.to.short(),
            escape_markdown(&named(&moved.release.id)),
            moved.plan,
            moved.fence,
        )
    }
}

/// The forge does not let this job ask.
fn refusal(error: Error) -> Failure {
    let Error::Forbidden { forge, .. } = &error else {
        return error.into();
    };
    let hint = match forge {
        Forge::Github => {
            "give the token `pull-requests: write`; a job's own also needs the setting that lets GitHub Actions create pull requests"
        }
        Forge::Gitlab => "give a token with the scope `api` whose account has the role Developer",
    };
    Failure::because(Kind::Credentials, "cannot ask people to merge", error).with_hint(hint)
}

impl Fetched<'_> {
    /// Whether the remote has a branch.
    fn has(&self, head: &str) -> Result<bool, Failure> {
        let name = format!("refs/heads/{head}");
        let listed = self.git.ask(&["ls-remote", "origin", &name], b"")?;
        let listed = String::from_utf8_lossy(&listed);
        let mut names = listed.lines().filter_map(|line| line.split_once('\t'));
        Ok(names.any(|(_, found)| found == name))
    }

    /// Makes our branch's tip ours; its commit.
    fn head(&self, head: &str) -> Result<String, Failure> {
        let refspec = format!("+refs/heads/{head}:{HEAD}");
        let arguments = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            "--filter=blob:none",
            "origin",
            &refspec,
        ];
        self.git.ask(&arguments, b"")?;
        let commit = self.git.ask(&["rev-parse", HEAD], b"")?;
        Ok(String::from_utf8_lossy(&commit).trim().to_owned())
    }

    /// What merging our branch would do beside moving the value to `to`, if
    /// anything. What others did to bring it up to date is no harm.
    fn foreign(&self, head: &str, there: bool, to: &Digest) -> Result<Option<String>, Failure> {
        if !there {
            return Ok(Some(format!("its branch `{head}` is gone")));
        }
        let commit = self.head(head)?;
        let foreign = format!("`{head}` was moved by somebody else: it is at {commit}");
        let arguments = ["merge-base", &self.tip, &commit];
        let base = self.git.attempt(&arguments, b"")?;
        let base = match base.code {
            Some(0) => String::from_utf8_lossy(&base.stdout).trim().to_owned(),
            Some(1) => return Ok(Some(foreign)),
            Some(_) | None => return Err(base.error(&arguments).into()),
        };
        let ours = self.changes(&base, &commit, to)?;
        Ok((!ours).then_some(foreign))
    }

    /// Whether two commits differ in the value alone, which is `to` in the
    /// latter.
    fn changes(&self, before: &str, after: &str, to: &Digest) -> Result<bool, Failure> {
        let arguments = ["diff-tree", "-r", "-z", "--no-renames", before, after];
        let told = self.git.ask(&arguments, b"")?;
        let told = String::from_utf8_lossy(&told);
        let parts: Vec<&str> = told.split_terminator('\0').collect();
        let [entry, name] = parts.as_slice() else {
            return Ok(false);
        };
        let words: Vec<&str> = entry.trim_start_matches(':').split(' ').collect();
        let [old_mode, new_mode, old, new, "M"] = words.as_slice() else {
            return Ok(false);
        };
        if *name != self.value.file || old_mode != new_mode {
            return Ok(false);
        }
        let Some(spot) = self.value.spot() else {
            return Ok(false);
        };
        let old = self.git.ask(&["cat-file", "blob", old], b"")?;
        let new = self.git.ask(&["cat-file", "blob", new], b"")?;
        // What cannot be edited any more is not what we wrote.
        Ok(spot
            .replace(&old, &self.value.say(to))
            .is_ok_and(|wanted| wanted == new))
    }

    /// Refuses to take the value for the last word while what the forge calls
    /// merged is not to be seen yet.
    fn refuse_unseen(&self, merged: &Merged, page: &str) -> Result<(), Failure> {
        let plain = |text: &&str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let Some(commit) = merged.commit.as_deref().filter(plain) else {
            return Ok(());
        };
        let age = merged.at.map(|at| clock::now().millis_since(at));
        if age.is_none_or(|age| age > SHOWN) {
            return Ok(());
        }
        let arguments = ["merge-base", "--is-ancestor", commit, &self.tip];
        if self.git.attempt(&arguments, b"")?.success {
            return Ok(());
        }
        let branch = &self.value.branch;
        let message = format!("{page} is merged, but `{branch}` does not show it yet");
        Err(Failure::new(Kind::Upstream, message))
    }

    /// Takes our branch away where nothing of others is on it. That it cannot
    /// be is no harm: nobody reads it any more.
    fn tidy(&self, head: &str, to: &Digest) {
        let gone = self.has(head).and_then(|there| {
            if !there {
                return Ok(());
            }
            let commit = self.head(head)?;
            if !self.holds(&commit)?
                && let Some(foreign) = self.foreign(head, there, to)?
            {
                return Err(Failure::new(Kind::Blocked, foreign));
            }
            let lease = format!("--force-with-lease=refs/heads/{head}:{commit}");
            let refspec = format!(":refs/heads/{head}");
            self.git.ask(&["push", &lease, "origin", &refspec], b"")?;
            Ok(())
        });
        if let Err(failure) = gone {
            left(head, &failure);
        }
    }
}
