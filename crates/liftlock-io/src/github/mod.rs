//! GitHub's REST API (2022-11-28), as far as people answer there.
//!
//! Every call has a limit in bytes, pages and time. Reading is tried again
//! when the connection or the service fails; writing only when it surely did
//! not happen. Times to wait that GitHub names are obeyed up to the deadline.

mod again;
mod changes;
mod deployment;
mod home;
mod issue;
mod known;
#[cfg(feature = "pointer")]
mod pointer;
#[cfg(feature = "pointer")]
mod request;
mod reviews;
mod run;
mod teams;
#[cfg(test)]
mod tests;
mod watch;

use liftlock::approval::forge::github::{self, Account, Authors, Comment, Commit, Issue, Rights};
use liftlock::approval::forge::{Event, Forge, Permission, Question, Said, said};
use liftlock::approval::request::{Identified, Spot};
use liftlock::approval::{MOST_ANSWERS, SKEW};
use liftlock::config::trust::Keyring;
use liftlock::span::Span;
use liftlock::time::Time;
use serde_json::json;

pub use deployment::{Stage, Wanted};
pub use home::{here, on, there};
pub use issue::Draft;
#[cfg(feature = "pointer")]
pub use pointer::Deploying;
pub use run::Ruling;
pub use watch::Watch;

use known::Known;

use crate::env;
use crate::forge::page;
pub use crate::forge::{Answers, Error, Pace, Wire, until_decided};
use crate::http::{Method, Options};

/// The variables that hold the token; the first that is set is used.
const TOKENS: [&str; 2] = ["LIFTLOCK_GITHUB_TOKEN", "GITHUB_TOKEN"];

/// One repository on GitHub.
#[derive(Debug)]
pub struct GitHub {
    wire: Wire,
    owner: String,
    name: String,
}

impl GitHub {
    /// The repository `OWNER/NAME`, at `GITHUB_API_URL` with the token in
    /// `LIFTLOCK_GITHUB_TOKEN` or `GITHUB_TOKEN`.
    ///
    /// # Errors
    ///
    /// Fails without a token, on a malformed repository or address, and on
    /// an address without TLS that is not this machine's.
    pub fn from_environment(
        repository: &str,
        options: &Options,
        deadline: Time,
    ) -> Result<Self, Error> {
        let token = TOKENS.iter().find_map(|name| env::secret(name));
        let token = token.ok_or(Error::NoToken(Forge::Github))?;
        let wire = Wire::new(
            (&home::address(), &token),
            options,
            (deadline, Pace::real()),
        )?;
        Self::new(wire, repository)
    }

    /// The repository `OWNER/NAME` at the other end of a wire.
    ///
    /// # Errors
    ///
    /// Fails on a malformed repository.
    pub fn new(wire: Wire, repository: &str) -> Result<Self, Error> {
        let plain = |text: &str| {
            let known = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
            !text.is_empty() && !text.starts_with('.') && text.chars().all(known)
        };
        match repository.split_once('/') {
            Some((owner, name)) if plain(owner) && plain(name) => Ok(Self {
                wire,
                owner: owner.to_owned(),
                name: name.to_owned(),
            }),
            Some(_) | None => Err(Error::Repository(repository.to_owned())),
        }
    }

    pub(super) const fn wire(&self) -> &Wire {
        &self.wire
    }

    /// The path of something in the repository.
    pub(super) fn path<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        let mut path = vec!["repos", self.owner.as_str(), self.name.as_str()];
        path.extend(rest);
        path
    }

    /// The comments of an issue that were written or changed since a moment,
    /// all of them, oldest first.
    ///
    /// # Errors
    ///
    /// Fails when they cannot be read to the end: a part of them is never
    /// taken for all.
    pub fn comments(&self, issue: u64, since: Time) -> Result<Vec<Comment>, Error> {
        let number = issue.to_string();
        let path = self.path(&["issues", &number, "comments"]);
        page::all(&self.wire, &path, &[("since", seconds(since))])
    }

    /// One comment, as it is now; nothing when it is gone.
    ///
    /// # Errors
    ///
    /// Fails when GitHub does not say.
    pub fn comment(&self, id: u64) -> Result<Option<Comment>, Error> {
        let id = id.to_string();
        self.maybe(&self.path(&["issues", "comments", &id]))
    }

    /// Writes a comment.
    ///
    /// # Errors
    ///
    /// Fails when GitHub refuses it. When the connection breaks nobody knows
    /// whether it was written.
    pub fn write(&self, issue: u64, body: &str) -> Result<Comment, Error> {
        let number = issue.to_string();
        let path = self.path(&["issues", &number, "comments"]);
        let answer = self
            .wire
            .send(Method::Post, &path, &json!({ "body": body }))?;
        Ok(github::parse(&answer)?)
    }

    /// Who opened an issue or pull request.
    ///
    /// # Errors
    ///
    /// Fails when there is no such issue.
    pub fn issue(&self, issue: u64) -> Result<Issue, Error> {
        let number = issue.to_string();
        let path = self.path(&["issues", &number]);
        Ok(github::parse(&self.wire.get(&path)?)?)
    }

    /// Who wrote a pull request or committed to it; of an issue nobody.
    ///
    /// # Errors
    ///
    /// Fails when they cannot be read to the end, and when the pull request
    /// has 250 commits: GitHub lists no more, and the rest may be anybody's.
    pub fn authors(&self, issue: u64) -> Result<Authors, Error> {
        let found = self.issue(issue)?;
        if found.pull_request.is_none() {
            return Ok(Authors::default());
        }
        self.authors_of(issue, found.user.map(|user| user.id))
    }

    /// As [`GitHub::authors`], of what is known to be a pull request, and by whom.
    ///
    /// # Errors
    ///
    /// As [`GitHub::authors`].
    pub fn authors_of(&self, pull: u64, opened: Option<u64>) -> Result<Authors, Error> {
        const LISTED: usize = 250;
        let number = pull.to_string();
        let path = self.path(&["pulls", &number, "commits"]);
        let commits: Vec<Commit> = page::all(&self.wire, &path, &[])?;
        if commits.len() >= LISTED {
            return Err(Error::TooMany("commits", commits.len()));
        }
        let mut authors = Authors::of(&commits);
        authors.accounts.extend(opened);
        Ok(authors)
    }

    /// What an account may do in the repository now: asked by the login that
    /// it has now, as the one it had may be somebody else's.
    ///
    /// # Errors
    ///
    /// Fails when GitHub does not say.
    pub fn permission(&self, account: u64, login: &str) -> Result<Permission, Error> {
        if let Some(rights) = self.rights(login)?
            && rights.account == account
        {
            return Ok(rights.permission);
        }
        self.permission_of(account)
    }

    /// The same of an account whose login is not known.
    ///
    /// # Errors
    ///
    /// Fails when GitHub does not say.
    pub fn permission_of(&self, account: u64) -> Result<Permission, Error> {
        let id = account.to_string();
        let Some(now) = self.maybe::<Account>(&["user", &id])? else {
            return Ok(Permission::None);
        };
        match self.rights(&now.login)? {
            Some(rights) if rights.account == account => Ok(rights.permission),
            Some(_) => Err(Error::Moved(account)),
            None => Ok(Permission::None),
        }
    }

    /// The account that has a login now.
    ///
    /// # Errors
    ///
    /// Fails when GitHub does not say.
    pub fn account(&self, login: &str) -> Result<Option<Account>, Error> {
        self.maybe(&["users", login])
    }

    fn rights(&self, login: &str) -> Result<Option<Rights>, Error> {
        let path = self.path(&["collaborators", login, "permission"]);
        match self.wire.get(&path) {
            Ok(body) => Ok(Some(github::rights(&body)?)),
            Err(Error::Unknown { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Everything that answers a request, or tries to, in the way that is asked
    /// for, with what its author may do now (where `least` is enough, possibly no
    /// more than that), and whether the question is there that has this text.
    /// Nobody is asked about whose answer counts in no case.
    ///
    /// # Errors
    ///
    /// Fails when anything of that is not known.
    pub fn answers(
        &self,
        spot: &Spot,
        (asked, question): (&Identified, &str),
        (keyring, least): (&Keyring, Permission),
    ) -> Result<Answers, Error> {
        let unasked = |events| Answers {
            events,
            question: Question::Unwritten,
        };
        match spot {
            Spot::Comments { issue } => {
                self.comment_events(*issue, (asked, question), (keyring, least))
            }
            Spot::Reviews { pull, .. } => {
                self.review_events(*pull, (asked, question), (keyring, least))
            }
            Spot::Gates { run, .. } => self.gate_events(*run, asked, keyring).map(unasked),
            Spot::Notes { .. } | Spot::Deployment { .. } => Err(Error::Foreign),
        }
    }

    fn comment_events(
        &self,
        issue: u64,
        (asked, question): (&Identified, &str),
        (keyring, least): (&Keyring, Permission),
    ) -> Result<Answers, Error> {
        let since = earlier(asked.request.made_at, SKEW);
        let mut known = Known::new(self, asked, keyring);
        let comments = self.comments(issue, since)?;
        let text = |one: &Comment| said(one.body.as_deref().unwrap_or_default());
        let matters = |one: &Comment| {
            let user = one.user.as_ref();
            user.is_some_and(|user| known.matters(user, &text(one)))
        };
        let asks = |one: &&Comment| one.is_as_written() && says(one, question);
        let those: Vec<&Comment> = comments.iter().filter(|one| matters(one)).collect();
        let mut looked_at = those.clone();
        if !those.is_empty() {
            looked_at.extend(comments.iter().filter(|one| asks(one) && !matters(one)));
        }
        // Nobody is asked about edits of what counts in no case.
        let edits = known.edits(&looked_at, (&those, least))?;
        let edited = |one: &Comment| edits.get(&one.node_id).copied().flatten();
        let asking = comments.iter().filter(asks);
        let asking = asking.filter(|one| edited(one).is_none());
        let question = Question::of(asking.map(|one| one.created_at));
        let mut events = Vec::new();
        for comment in &comments {
            let said = text(comment);
            if said == Said::Nothing {
                continue;
            }
            let user = comment.user.as_ref();
            let matters = user.is_some_and(|user| known.matters(user, &said));
            let event = known.comment(comment, edited(comment))?;
            events.extend(event.map(|event| (event, matters)));
        }
        let events = few(events)?;
        Ok(Answers { events, question })
    }

    /// Whether the question is there that has this text, as it was written.
    fn question(&self, issue: u64, asked: &Identified, text: &str) -> Result<Question, Error> {
        let since = earlier(asked.request.made_at, SKEW);
        let mut comments = self.comments(issue, since)?;
        comments.retain(|one| one.is_as_written() && says(one, text));
        let ids: Vec<&str> = comments.iter().map(|one| one.node_id.as_str()).collect();
        let edits = self.edits(&ids, &[])?.at;
        let asking = comments
            .iter()
            .filter(|one| edits.get(&one.node_id).copied().flatten().is_none());
        Ok(Question::of(asking.map(|one| one.created_at)))
    }

    /// Asks a request's question in an issue, once: a comment with exactly
    /// this text that is there already is the one.
    ///
    /// # Errors
    ///
    /// Fails as reading and writing comments do.
    pub fn ask(&self, issue: u64, asked: &Identified, body: &str) -> Result<Comment, Error> {
        let since = earlier(asked.request.made_at, SKEW);
        let comments = self.comments(issue, since)?;
        let same = |comment: &Comment| comment.is_as_written() && says(comment, body);
        match comments.into_iter().find(same) {
            Some(comment) => Ok(comment),
            None => self.write(issue, body),
        }
    }

    fn maybe<T: serde::de::DeserializeOwned>(&self, path: &[&str]) -> Result<Option<T>, Error> {
        match self.wire.get(path) {
            Ok(body) => Ok(Some(github::parse(&body)?)),
            Err(Error::Unknown { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether a comment is exactly this text.
fn says(comment: &Comment, text: &str) -> bool {
    let found = comment.body.as_deref().unwrap_or_default();
    found.trim().replace("\r\n", "\n") == text.trim()
}

/// The events, of which those that matter are not too many. Strangers can write
/// any number of others, of which some are shown.
fn few(events: Vec<(Event, bool)>) -> Result<Vec<Event>, Error> {
    let matter = events.iter().filter(|(_, matters)| *matters).count();
    let mut others = MOST_ANSWERS
        .checked_sub(matter)
        .ok_or(Error::TooMany("answers", matter))?;
    let kept = events.into_iter().filter(|(_, matters)| {
        let room = *matters || others > 0;
        others = others.saturating_sub(usize::from(!*matters));
        room
    });
    Ok(kept.map(|(event, _)| event).collect())
}

/// A moment as GitHub wants it, without the part of a second.
fn seconds(time: Time) -> String {
    let millis = time.unix_millis();
    let whole = Time::from_unix_millis(millis - millis.rem_euclid(1_000));
    whole.unwrap_or(Time::EPOCH).to_string()
}

fn earlier(time: Time, by: Span) -> Time {
    let by = i64::try_from(by.millis()).unwrap_or_default();
    Time::from_unix_millis(time.unix_millis().saturating_sub(by)).unwrap_or(Time::EPOCH)
}
