//! Looks again at answers that an approval holds, each by its number.

use liftlock::approval::forge::Event;
use liftlock::approval::forge::gitlab::Note;
use liftlock::approval::request::{Identified, Noteable, Spot};
use liftlock::config::trust::Keyring;

use super::{GitLab, word};
use crate::forge::{Again, Error};

impl GitLab {
    /// Looks again at some answers to a request, and at what their authors are
    /// and may do now: a call for each answer, one for each author and one for
    /// the members. What was seen before a failure stays in `found`.
    ///
    /// # Errors
    ///
    /// Fails when GitLab does not say it of all of them.
    pub fn again(
        &self,
        (asked, events): (&Identified, &[Event]),
        keyring: &Keyring,
        found: &mut Again,
    ) -> Result<(), Error> {
        let place = asked.request.place.as_ref().ok_or(Error::Foreign)?;
        match &place.at {
            Spot::Notes { on, number, .. } => {
                let notes = self.notes_again((*on, *number), events, found)?;
                let seen_at = self.wire().now();
                let texts = notes.iter();
                let texts = texts.map(|(_, note)| (&note.author, note.body.as_str()));
                let standing = self.standing(&self.who(texts, asked, keyring)?, seen_at)?;
                let page = self.page_of(*on, *number);
                let now = notes.iter().map(|(event, note)| {
                    (event.digest(), Some(note.event(&page, &standing, seen_at)))
                });
                found.0.extend(now);
                Ok(())
            }
            Spot::Deployment { deployment, .. } => {
                let now = match self.approval_events(*deployment, asked, keyring) {
                    Err(Error::Unknown { .. } | Error::NoApprovals(_)) => Vec::new(),
                    now => now?,
                };
                found.matched(events, &now);
                Ok(())
            }
            Spot::Comments { .. } | Spot::Reviews { .. } | Spot::Gates { .. } => {
                Err(Error::Foreign)
            }
        }
    }

    /// The notes that are still there.
    fn notes_again<'a>(
        &self,
        (on, number): (Noteable, u64),
        events: &'a [Event],
        found: &mut Again,
    ) -> Result<Vec<(&'a Event, Note)>, Error> {
        let number = number.to_string();
        let mut notes = Vec::new();
        for event in events {
            let id = event.id.to_string();
            match self.maybe(&self.path(&[word(on), &number, "notes", &id]))? {
                Some(note) => notes.push((event, note)),
                None => drop(found.0.insert(event.digest(), None)),
            }
        }
        Ok(notes)
    }
}
