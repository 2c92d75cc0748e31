//! Reviews of pull requests. The REST API shows the text as it is now and
//! nothing of an edit, which everybody may make who writes to the repository;
//! so GraphQL is asked about each review that could count, and says at once
//! whether its author may write.

use std::collections::BTreeMap;

use liftlock::approval::forge::github::Account;
use liftlock::approval::forge::graph::{self, Edits, Look};
use liftlock::approval::forge::review::{Pull, Review};
use liftlock::approval::forge::{Event, github, said};
use liftlock::approval::forge::{Forge, LEAST, ParseError, Permission, Question, Said};
use liftlock::approval::request::Identified;
use liftlock::config::trust::Keyring;
use serde_json::{Map, Value, json};

use super::{Answers, Error, GitHub, Known, few, page};

/// The most things that one question of GraphQL may name.
const A_QUESTION: usize = 100;

/// The most people that one question of GraphQL asks about; of any more the REST
/// API tells.
const A_CROWD: usize = 20;

impl GitHub {
    /// A pull request.
    ///
    /// # Errors
    ///
    /// Fails when there is no such one.
    pub fn pull(&self, number: u64) -> Result<Pull, Error> {
        let number = number.to_string();
        let path = self.path(&["pulls", &number]);
        Ok(github::parse(&self.wire().get(&path)?)?)
    }

    /// All reviews of a pull request, oldest first.
    ///
    /// # Errors
    ///
    /// Fails when they cannot be read to the end.
    pub fn reviews(&self, pull: u64) -> Result<Vec<Review>, Error> {
        let number = pull.to_string();
        let path = self.path(&["pulls", &number, "reviews"]);
        page::all(self.wire(), &path, &[])
    }

    /// What GraphQL tells of each of some reviews, by `node_id`.
    ///
    /// # Errors
    ///
    /// Fails when GitHub does not say it of all of them.
    pub fn looks(&self, reviews: &[&Review]) -> Result<BTreeMap<String, Look>, Error> {
        let ids: Vec<&str> = reviews.iter().map(|one| one.node_id.as_str()).collect();
        let mut found = BTreeMap::new();
        for part in ids.chunks(A_QUESTION) {
            let answer = self.wire().ask(graph::LOOKS, &json!({ "ids": part }))?;
            found.extend(graph::looks(&answer)?);
        }
        all_told(&ids, &found)?;
        Ok(found)
    }

    /// When each of some comments was last edited, by `node_id`, and what those
    /// who wrote them may do, as far as GraphQL tells that.
    ///
    /// # Errors
    ///
    /// Fails when GitHub does not say it of all comments.
    pub fn edits(&self, comments: &[&str], people: &[&Account]) -> Result<Edits, Error> {
        let mut found = Edits::default();
        let mut crowds = people.chunks(A_CROWD);
        for part in comments.chunks(A_QUESTION) {
            let crowd = crowds.next().unwrap_or_default();
            let told = match self.some_edits(part, crowd) {
                // An older server knows no such question; it is asked for less.
                Err(Error::Answer(ParseError::Graph(_))) if !crowd.is_empty() => {
                    self.some_edits(part, &[])
                }
                told => told,
            }?;
            found.at.extend(told.at);
            found.permissions.extend(told.permissions);
        }
        all_told(comments, &found.at)?;
        Ok(found)
    }

    fn some_edits(&self, comments: &[&str], people: &[&Account]) -> Result<Edits, Error> {
        let question = graph::edits_question(people.len());
        let answer = self
            .wire()
            .ask(&question, &self.variables(comments, people))?;
        let accounts: Vec<u64> = people.iter().map(|one| one.id).collect();
        Ok(graph::edits(&answer, &accounts)?)
    }

    /// Logins are told beside the question, never in it.
    fn variables(&self, comments: &[&str], people: &[&Account]) -> Value {
        let mut variables = Map::new();
        variables.insert("ids".to_owned(), json!(comments));
        if !people.is_empty() {
            variables.insert("owner".to_owned(), json!(self.owner));
            variables.insert("name".to_owned(), json!(self.name));
        }
        for (number, one) in people.iter().enumerate() {
            variables.insert(format!("l{number}"), json!(one.login));
        }
        Value::Object(variables)
    }

    /// Every review that answers a request, or tries to, and whether the question
    /// is there, which is looked for once a review could count.
    pub(super) fn review_events(
        &self,
        pull: u64,
        (asked, question): (&Identified, &str),
        (keyring, least): (&Keyring, Permission),
    ) -> Result<Answers, Error> {
        let mut known = Known::new(self, asked, keyring);
        let reviews = self.reviews(pull)?;
        let text = |one: &Review| said(one.body.as_deref().unwrap_or_default());
        let meant = reviews.iter().filter(|one| text(one) != Said::Nothing);
        let meant: Vec<&Review> = meant.collect();
        let ours = meant.iter().filter(|one| {
            let user = one.user.as_ref();
            user.is_some_and(|user| known.matters(user, &text(one)))
        });
        let ours: Vec<&Review> = ours.copied().collect();
        let looks = self.looks(&ours)?;
        let question = match ours.as_slice() {
            [] => Question::Unwritten,
            [..] => self.question(pull, asked, question)?,
        };
        let mut events = Vec::new();
        for one in meant {
            let event = known.review(one, &looks, least)?;
            let user = one.user.as_ref();
            let matters = user.is_some_and(|user| known.matters(user, &text(one)));
            events.extend(event.map(|event| (event, matters)));
        }
        let events = few(events)?;
        Ok(Answers { events, question })
    }
}

/// Refuses what GraphQL does not tell of everything that it was asked about.
fn all_told<T>(ids: &[&str], found: &BTreeMap<String, T>) -> Result<(), Error> {
    match ids.iter().find(|id| !found.contains_key(**id)) {
        Some(id) => Err(Error::Unknown {
            forge: Forge::Github,
            path: format!("graphql: {id}"),
        }),
        None => Ok(()),
    }
}

impl Known<'_> {
    /// A review as an event; nothing once its author's account is gone.
    pub(super) fn review(
        &mut self,
        one: &Review,
        looks: &BTreeMap<String, Look>,
        least: Permission,
    ) -> Result<Option<Event>, Error> {
        let Some(user) = &one.user else {
            return Ok(None);
        };
        // Nobody is asked about what counts in no case.
        let look = looks.get(&one.node_id);
        let text = said(one.body.as_deref().unwrap_or_default());
        let permission = match look {
            // That much is told, and no more is asked for.
            Some(look) if look.may_write && least <= LEAST => LEAST,
            Some(_) | None => self.permission(user, &text)?,
        };
        let edited_at = look.and_then(|look| look.edited_at);
        Ok(one.event(edited_at, (permission, self.seen_at))?)
    }
}
