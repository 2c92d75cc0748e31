//! GitLab's REST API (v4), as far as people answer there.
//!
//! Every call has a limit in bytes, pages and time. Reading is tried again
//! when the connection or the service fails; writing only when it surely did
//! not happen. Times to wait that GitLab names are obeyed up to the deadline.

mod again;
mod deployment;
mod groups;
mod job;
mod people;
#[cfg(feature = "pointer")]
mod pointer;
#[cfg(feature = "pointer")]
mod release;
#[cfg(feature = "pointer")]
mod request;
mod start;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::BTreeSet;

use liftlock::approval::forge::gitlab::{self, Account, Commit, Note, Thread};
use liftlock::approval::forge::{Forge, Instance, Question, Said, said_on};
use liftlock::approval::request::{Identified, Noteable, Place, Spot};
use liftlock::approval::{MOST_ANSWERS, SKEW};
use liftlock::config::trust::Keyring;
use liftlock::span::Span;
use liftlock::time::Time;
use serde_json::json;

pub use groups::Groups;
pub use job::{Starter, another, starter};
#[cfg(feature = "pointer")]
pub use pointer::Deploying;
pub use start::{Told, trigger};
pub use watch::Watch;

use crate::env;
use crate::forge::{Answers, Error, Pace, Wire, page, same};
use crate::http::{Method, Options};

/// The variables that hold the token; the first that is set is used.
const TOKENS: [&str; 2] = ["LIFTLOCK_GITLAB_TOKEN", "GITLAB_TOKEN"];

/// The variable that holds a job's own token, which sees too little.
const JOB_TOKEN: &str = "CI_JOB_TOKEN";

/// Where the public API is.
const PUBLIC: &str = "https://gitlab.com/api/v4";

/// One project on GitLab.
#[derive(Debug)]
pub struct GitLab {
    wire: Wire,
    instance: Instance,
    /// Where people look at the project.
    page: String,
    project: String,
}

/// Whom a merge request names as having made it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Makers {
    /// The account that opened it.
    pub accounts: BTreeSet<u64>,
    /// The addresses that its commits carry.
    pub addresses: BTreeSet<String>,
}

impl GitLab {
    /// The project `GROUP/NAME`, at `CI_API_V4_URL` with the token in
    /// `LIFTLOCK_GITLAB_TOKEN` or `GITLAB_TOKEN`.
    ///
    /// # Errors
    ///
    /// Fails without such a token, also where a job's own is there; on a
    /// malformed project or address, and on an address without TLS that is not
    /// this machine's.
    pub fn from_environment(
        project: &str,
        options: &Options,
        deadline: Time,
    ) -> Result<Self, Error> {
        Self::new(
            (&address(), &token()?),
            options,
            (deadline, Pace::real()),
            project,
        )
    }

    /// The project `GROUP/NAME` behind an API, with a token and a deadline.
    ///
    /// # Errors
    ///
    /// Fails as [`Wire::new`] does, and on a malformed project.
    pub fn new(
        (api, token): (&str, &str),
        options: &Options,
        until: (Time, Pace),
        project: &str,
    ) -> Result<Self, Error> {
        let wire = Wire::new((api, token), options, until)?.to(Forge::Gitlab);
        let instance = installation(api)?;
        if !is_project(project) {
            return Err(Error::Project(project.to_owned()));
        }
        let home = api.trim_end_matches('/').trim_end_matches("/api/v4");
        Ok(Self {
            wire,
            instance,
            page: format!("{home}/{project}"),
            project: project.to_owned(),
        })
    }

    /// The installation that it is on.
    #[must_use]
    pub const fn instance(&self) -> &Instance {
        &self.instance
    }

    pub(super) const fn wire(&self) -> &Wire {
        &self.wire
    }

    /// The path of something in the project.
    pub(super) fn path<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        let mut path = vec!["projects", self.project.as_str()];
        path.extend(rest);
        path
    }

    /// The page of an issue or a merge request.
    fn page_of(&self, on: Noteable, number: u64) -> String {
        format!("{}/-/{}/{number}", self.page, word(on))
    }

    /// The notes of an issue or a merge request that were written since a
    /// moment, all of them, oldest first.
    ///
    /// # Errors
    ///
    /// Fails when they cannot be read so far back: a part of them is never
    /// taken for all.
    pub fn notes(&self, on: Noteable, number: u64, since: Time) -> Result<Vec<Note>, Error> {
        let number = number.to_string();
        let path = self.path(&[word(on), &number, "notes"]);
        let query = [
            ("order_by", "created_at".to_owned()),
            ("sort", "desc".to_owned()),
        ];
        let mut notes: Vec<Note> = page::newest(&self.wire, &path, &query, |note: &Note| {
            note.created_at < since
        })?;
        notes.retain(|note| note.created_at >= since);
        notes.reverse();
        Ok(notes)
    }

    /// Writes a note.
    ///
    /// # Errors
    ///
    /// Fails when GitLab refuses it. When the connection breaks nobody knows
    /// whether it was written.
    pub fn write(&self, on: Noteable, number: u64, body: &str) -> Result<Note, Error> {
        let number = number.to_string();
        let path = self.path(&[word(on), &number, "notes"]);
        let answer = self
            .wire
            .send(Method::Post, &path, &json!({ "body": body }))?;
        Ok(gitlab::parse(&answer)?)
    }

    /// Who opened a merge request, and the addresses of who wrote it: GitLab
    /// tells no accounts of commits.
    ///
    /// # Errors
    ///
    /// Fails when they cannot be read to the end.
    pub fn makers(&self, merge_request: u64) -> Result<Makers, Error> {
        let number = merge_request.to_string();
        let path = self.path(&["merge_requests", &number]);
        let found: Thread = gitlab::parse(&self.wire.get(&path)?)?;
        let path = self.path(&["merge_requests", &number, "commits"]);
        let commits: Vec<Commit> = page::all(&self.wire, &path, &[])?;
        Ok(Makers {
            accounts: found.author.iter().map(|author| author.id).collect(),
            addresses: commits.iter().flat_map(Commit::addresses).collect(),
        })
    }

    /// Everything that answers a request, or tries to, in the way that is asked
    /// for, with what its author is and may do now, and whether the question is
    /// there that has this text. Nobody is asked about whose answer counts in no
    /// case.
    ///
    /// # Errors
    ///
    /// Fails when anything of that is not known.
    pub fn answers(
        &self,
        spot: &Spot,
        (asked, question): (&Identified, &str),
        keyring: &Keyring,
    ) -> Result<Answers, Error> {
        match spot {
            Spot::Notes { on, number, .. } => {
                self.note_events((*on, *number), (asked, question), keyring)
            }
            Spot::Deployment { deployment, .. } => {
                let events = self.approval_events(*deployment, asked, keyring)?;
                let question = Question::Unwritten;
                Ok(Answers { events, question })
            }
            Spot::Comments { .. } | Spot::Reviews { .. } | Spot::Gates { .. } => {
                Err(Error::Foreign)
            }
        }
    }

    fn note_events(
        &self,
        (on, number): (Noteable, u64),
        (asked, question): (&Identified, &str),
        keyring: &Keyring,
    ) -> Result<Answers, Error> {
        let since = earlier(asked.request.made_at, SKEW);
        let seen_at = self.wire.now();
        let mut notes = self.notes(on, number, since)?;
        let asking = notes.iter().filter(|note| asks(note, question));
        let question = Question::of(asking.map(|note| note.created_at));
        notes.retain(|note| said_on(Forge::Gitlab, &note.body) != Said::Nothing);
        let texts = notes.iter().map(|note| (&note.author, note.body.as_str()));
        let standing = self.standing(&self.who(texts, asked, keyring)?, seen_at)?;
        let page = self.page_of(on, number);
        let events = notes.iter();
        let events = events.map(|note| note.event(&page, &standing, seen_at));
        let events = events.collect();
        Ok(Answers { events, question })
    }

    /// The accounts whose answers to a request may count, by what they wrote.
    pub(super) fn who<'a>(
        &self,
        texts: impl Iterator<Item = (&'a Account, &'a str)>,
        asked: &Identified,
        keyring: &Keyring,
    ) -> Result<BTreeSet<u64>, Error> {
        let texts: Vec<(&Account, &str)> = texts.collect();
        let ours = |text: &str| {
            let said = said_on(Forge::Gitlab, text);
            matches!(said, Said::Answer { request, .. } if request == asked.digest)
        };
        let authors = texts
            .into_iter()
            .filter(|(author, text)| !author.is_a_tokens() && ours(text))
            .map(|(author, _)| author.id)
            .filter(|account| keyring.account_at(&self.instance, *account).is_some());
        let authors: Vec<u64> = authors.collect();
        if authors.len() > MOST_ANSWERS {
            return Err(Error::TooMany("answers", authors.len()));
        }
        Ok(authors.into_iter().collect())
    }

    /// Asks a request's question, once: a note with exactly this text that is
    /// there already is the one. Its page.
    ///
    /// # Errors
    ///
    /// Fails as reading and writing notes do.
    pub fn ask(
        &self,
        (on, number): (Noteable, u64),
        asked: &Identified,
        body: &str,
    ) -> Result<String, Error> {
        let since = earlier(asked.request.made_at, SKEW);
        let notes = self.notes(on, number, since)?;
        match notes.iter().find(|note| asks(note, body)) {
            Some(note) => Ok(self.page_of_note((on, number), note)),
            None => self.ask_anew((on, number), body),
        }
    }

    /// Asks a question that nobody can have asked before. Its page.
    ///
    /// # Errors
    ///
    /// Fails as [`GitLab::write`] does.
    pub fn ask_anew(&self, (on, number): (Noteable, u64), body: &str) -> Result<String, Error> {
        let note = self.write(on, number, body)?;
        Ok(self.page_of_note((on, number), &note))
    }

    fn page_of_note(&self, (on, number): (Noteable, u64), note: &Note) -> String {
        format!("{}#note_{}", self.page_of(on, number), note.id)
    }

    pub(super) fn maybe<T: serde::de::DeserializeOwned>(
        &self,
        path: &[&str],
    ) -> Result<Option<T>, Error> {
        match self.wire.get(path) {
            Ok(body) => Ok(Some(gitlab::parse(&body)?)),
            Err(Error::Unknown { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The token that may call.
fn token() -> Result<String, Error> {
    let token = TOKENS.iter().find_map(|name| env::secret(name));
    token.ok_or_else(|| match env::secret(JOB_TOKEN) {
        Some(_) => Error::JobToken,
        None => Error::NoToken(Forge::Gitlab),
    })
}

/// Whether a note is exactly this text, as it was written.
fn asks(note: &Note, text: &str) -> bool {
    let same = note.body.trim().replace("\r\n", "\n") == text.trim();
    same && note.updated_at == note.created_at
}

/// The address of the API that this job's environment names.
pub(super) fn address() -> String {
    env::var("CI_API_V4_URL").unwrap_or_else(|| PUBLIC.to_owned())
}

/// The installation that this job's environment names.
///
/// # Errors
///
/// Fails on an address that is none of an API.
pub fn here() -> Result<Instance, Error> {
    installation(&address())
}

/// Whether people were asked on the installation that this job's environment
/// names: accounts of another one are other people.
///
/// # Errors
///
/// Fails unless it is that one.
pub fn there(place: &Place) -> Result<(), Error> {
    same(&place.instance(), &here()?)
}

/// The installation whose API is at an address.
///
/// # Errors
///
/// Fails on an address that is none of an API.
fn installation(api: &str) -> Result<Instance, Error> {
    Instance::gitlab(api).ok_or_else(|| Error::Address(api.to_owned()))
}

/// Whether a text is the path of a project: a name below at least one group.
pub(super) fn is_project(text: &str) -> bool {
    let plain = |part: &str| {
        let known = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        !part.is_empty() && !part.starts_with('.') && part.chars().all(known)
    };
    text.contains('/') && text.split('/').all(plain)
}

pub(super) const fn word(on: Noteable) -> &'static str {
    match on {
        Noteable::Issue => "issues",
        Noteable::MergeRequest => "merge_requests",
    }
}

fn earlier(time: Time, by: Span) -> Time {
    let by = i64::try_from(by.millis()).unwrap_or_default();
    Time::from_unix_millis(time.unix_millis().saturating_sub(by)).unwrap_or(Time::EPOCH)
}
