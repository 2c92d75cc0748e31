//! What a person should know of a watch though it decides nothing.

use std::collections::BTreeSet;

use crate::digest::Digest;

/// The most notes that are told, and those beyond that are counted.
const MOST: usize = 20;
const MOST_COUNTED: usize = 1_000;

/// The notes of all looks, each of them once, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    told: Vec<String>,
    /// Digests of those that are only counted.
    others: BTreeSet<Digest>,
}

impl Notes {
    /// Takes a note; `false` where it came before, or where so many came that
    /// nobody counts them any more.
    pub fn take(&mut self, note: &str) -> bool {
        if self.told.iter().any(|told| told == note) || self.others.len() == MOST_COUNTED {
            return false;
        }
        if self.told.len() < MOST {
            self.told.push(note.to_owned());
            return true;
        }
        self.others.insert(Digest::of(note.as_bytes()))
    }

    /// The notes, and last how many more there were.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        let more = match self.others.len() {
            0 => None,
            MOST_COUNTED => Some(format!("and {MOST_COUNTED} more notes, or even more")),
            1 => Some("and 1 more note".to_owned()),
            count => Some(format!("and {count} more notes")),
        };
        self.told.iter().cloned().chain(more).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_note_is_told_once_and_too_many_are_counted() {
        let mut notes = Notes::default();
        assert!(notes.take("a") && !notes.take("a"));
        assert_eq!(notes.told(), ["a"]);
        for number in 0..19 {
            assert!(notes.take(&number.to_string()));
        }
        assert_eq!(notes.told().len(), 20);
        assert!(notes.take("b") && !notes.take("b"));
        assert_eq!(notes.told().last().unwrap(), "and 1 more note");
        for number in 0..2_000 {
            notes.take(&format!("x{number}"));
        }
        let told = notes.told();
        assert_eq!((told.len(), told[0].as_str()), (21, "a"));
        assert_eq!(told[20], "and 1000 more notes, or even more");
        assert!(!notes.take("new"));
    }
}
