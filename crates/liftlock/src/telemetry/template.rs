//! A query of a vendor's own, in which `{slot}` stands for a slot that must
//! not change its meaning.

use super::error::{Error, short};

const SLOT: &str = "{slot}";

/// The most bytes of a query.
const LONGEST: usize = 8 * 1024;

/// The most bytes of a slot.
const LONGEST_SLOT: usize = 200;

/// Where a slot stands, and what it may hold there.
#[derive(Clone, Copy, Debug)]
pub struct Language {
    /// Whose.
    pub service: &'static str,
    /// What a slot may hold, in words.
    pub allowed: &'static str,
    /// Whether a slot may hold a letter.
    pub letter: fn(char) -> bool,
}

/// A query with or without `{slot}`.
#[derive(Clone, Debug)]
pub struct Template {
    text: String,
    language: Language,
}

impl Template {
    /// Takes a query as it is written.
    ///
    /// # Errors
    ///
    /// Fails on an empty query, a very long one, and one with control
    /// characters other than line ends and tabs.
    pub fn new(field: &'static str, text: &str, language: Language) -> Result<Self, Error> {
        let refused = |reason: &str| Error::Query {
            field,
            reason: reason.to_owned(),
        };
        let text = text.trim();
        if text.is_empty() {
            return Err(refused("is empty"));
        }
        if text.len() > LONGEST {
            return Err(refused("is longer than 8 KiB"));
        }
        let control = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t');
        if text.chars().any(control) {
            return Err(refused("holds control characters"));
        }
        Ok(Self {
            text: text.to_owned(),
            language,
        })
    }

    /// Whether the query tells slots apart.
    #[must_use]
    pub fn has_slot(&self) -> bool {
        self.text.contains(SLOT)
    }

    /// The query as it is written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The query about one slot.
    ///
    /// # Errors
    ///
    /// Fails on a slot that the query's language would not take as one word.
    pub fn about(&self, slot: &str) -> Result<String, Error> {
        if self.has_slot() {
            self.language.check(slot)?;
        }
        Ok(self.text.replace(SLOT, slot))
    }

    /// The query without what is in quotes.
    fn bare(&self) -> String {
        let mut quote = None;
        let mut bare = String::new();
        let mut letters = self.text.chars();
        while let Some(letter) = letters.next() {
            match quote {
                // What is escaped ends nothing.
                Some(_) if letter == '\\' => drop(letters.next()),
                Some(open) if letter == open => quote = None,
                Some(_) => {}
                None if matches!(letter, '"' | '\'' | '`') => {
                    quote = Some(letter);
                    bare.push(' ');
                }
                None => bare.push(letter),
            }
        }
        bare
    }

    /// Whether a slot would stand outside of quotes.
    pub(super) fn has_bare_slot(&self) -> bool {
        self.bare().contains(SLOT)
    }

    /// The words of the query outside of quotes, in upper case.
    pub(super) fn words(&self) -> Vec<String> {
        self.bare()
            .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_uppercase)
            .collect()
    }
}

impl Language {
    /// Refuses a slot that could be more than one word.
    ///
    /// # Errors
    ///
    /// Fails on an empty or long slot, and on a letter that is not allowed.
    pub fn check(&self, slot: &str) -> Result<(), Error> {
        let fits = !slot.is_empty() && slot.len() <= LONGEST_SLOT && slot.chars().all(self.letter);
        if fits {
            return Ok(());
        }
        Err(Error::Slot {
            slot: short(slot),
            service: self.service,
            allowed: self.allowed,
        })
    }
}

/// Letters, digits and what tags, versions and hosts are written with.
pub(super) fn plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | ':' | '/')
}

/// Whatever can stand between quotes of any kind and mean itself.
pub(super) fn quotable(letter: char) -> bool {
    !letter.is_control() && !matches!(letter, '"' | '\'' | '`' | '\\' | '{' | '}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANGUAGE: Language = Language {
        service: "X",
        allowed: "letters",
        letter: plain,
    };

    #[test]
    fn a_slot_is_one_word_or_refused() {
        let template = Template::new("total", "a{b:{slot}}", LANGUAGE).unwrap();
        assert_eq!(template.about("v1.2-rc/3").unwrap(), "a{b:v1.2-rc/3}");
        let long = "x".repeat(201);
        for slot in ["", "a b", "a\"", "a'", "a\nb", "a}", "{slot}", "é", &long] {
            let error = template.about(slot).unwrap_err();
            assert!(matches!(error, Error::Slot { .. }), "{slot}");
        }
        let fixed = Template::new("total", "a", LANGUAGE).unwrap();
        assert!(!fixed.has_slot());
        assert_eq!(fixed.about("").unwrap(), "a");
    }

    #[test]
    fn what_is_no_query_is_refused() {
        let long = "x".repeat(9000);
        for text in ["", " \n", "a\0b", &long] {
            assert!(Template::new("bad", text, LANGUAGE).is_err());
        }
    }

    #[test]
    fn quoted_words_are_no_words_of_the_language() {
        let text = "SELECT count(*) FROM `x` WHERE a = 'since' limit 1";
        let template = Template::new("bad", text, LANGUAGE).unwrap();
        let words = template.words();
        assert_eq!(
            words,
            ["SELECT", "COUNT", "FROM", "WHERE", "A", "LIMIT", "1"]
        );
        let bare = |text: &str| {
            Template::new("bad", text, LANGUAGE)
                .unwrap()
                .has_bare_slot()
        };
        assert!(!bare("a WHERE slot = '{slot}'"));
        assert!(!bare(r"a = 'it\'s {slot}'"));
        assert!(bare(r"a = 'it\\' {slot} ''"));
        assert!(bare("a = {slot}"));
    }
}
