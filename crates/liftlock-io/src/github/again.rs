//! Looks again at answers that an approval holds. Each is asked about by its
//! number, so that nobody makes that slow by what else they write.

use liftlock::approval::forge::github::Comment;
use liftlock::approval::forge::review::Review;
use liftlock::approval::forge::{Event, Permission, github};
use liftlock::approval::request::{Identified, Spot};
use liftlock::config::trust::Keyring;

use super::{Error, GitHub, Known};
use crate::forge::Again;

impl GitHub {
    /// Looks again at some answers to a request, and at what their authors may
    /// do now: a call for each answer, one for all edits, and one for each author
    /// of whom that one does not tell enough. What was seen before a failure stays
    /// in `found`.
    ///
    /// # Errors
    ///
    /// Fails when GitHub does not say it of all of them.
    pub fn again(
        &self,
        (asked, events): (&Identified, &[Event]),
        (keyring, least): (&Keyring, Permission),
        found: &mut Again,
    ) -> Result<(), Error> {
        let mut known = Known::new(self, asked, keyring);
        let place = asked.request.place.as_ref().ok_or(Error::Foreign)?;
        match &place.at {
            Spot::Comments { .. } => self.comments_again(events, (&mut known, least), found),
            Spot::Reviews { pull, .. } => {
                self.reviews_again((*pull, events), (&mut known, least), found)
            }
            Spot::Gates { run, .. } => {
                let now = match self.gate_events(*run, asked, keyring) {
                    Err(Error::Unknown { .. }) => Vec::new(),
                    now => now?,
                };
                found.matched(events, &now);
                Ok(())
            }
            Spot::Notes { .. } | Spot::Deployment { .. } => Err(Error::Foreign),
        }
    }

    /// Edits, and what people may do, are asked about at once.
    fn comments_again(
        &self,
        events: &[Event],
        (known, least): (&mut Known<'_>, Permission),
        found: &mut Again,
    ) -> Result<(), Error> {
        let mut comments = Vec::new();
        for event in events {
            match self.comment(event.id)? {
                Some(comment) => comments.push((event, comment)),
                None => drop(found.0.insert(event.digest(), None)),
            }
        }
        let those: Vec<&Comment> = comments.iter().map(|(_, one)| one).collect();
        let edits = known.edits(&those, (&those, least))?;
        for (event, comment) in &comments {
            let edited_at = edits.get(&comment.node_id).copied().flatten();
            let now = known.comment(comment, edited_at)?;
            found.0.insert(event.digest(), now);
        }
        Ok(())
    }

    /// Edits, and who may write, are asked about at once.
    fn reviews_again(
        &self,
        (pull, events): (u64, &[Event]),
        (known, least): (&mut Known<'_>, Permission),
        found: &mut Again,
    ) -> Result<(), Error> {
        let mut reviews = Vec::new();
        for event in events {
            match self.review(pull, event.id)? {
                Some(review) => reviews.push((event, review)),
                None => drop(found.0.insert(event.digest(), None)),
            }
        }
        let all: Vec<&Review> = reviews.iter().map(|(_, review)| review).collect();
        let looks = self.looks(&all)?;
        for (event, review) in &reviews {
            let now = known.review(review, &looks, least)?;
            found.0.insert(event.digest(), now);
        }
        Ok(())
    }

    /// One review of a pull request, as it is now; nothing when it is gone.
    fn review(&self, pull: u64, id: u64) -> Result<Option<Review>, Error> {
        let (pull, id) = (pull.to_string(), id.to_string());
        let path = self.path(&["pulls", &pull, "reviews", &id]);
        match self.wire().get(&path) {
            Ok(body) => Ok(Some(github::parse(&body)?)),
            Err(Error::Unknown { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
