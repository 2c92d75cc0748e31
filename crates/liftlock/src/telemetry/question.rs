//! A count of which both slots are asked at once, of servers of raw counters.

use super::error::Error;
use super::matcher::{Matcher, Wanted};
use super::series::{Answer, Series};
use super::shape::{Arms, Counter};
use crate::span::Span;

/// Which slots a count is compared between.
#[derive(Clone, Copy, Debug)]
pub struct Slots<'a> {
    /// The version that is known, where there is one.
    pub baseline: Option<&'a str>,
    /// The version that is judged.
    pub canary: &'a str,
}

impl<'a> Slots<'a> {
    pub(super) fn all(&self) -> Vec<&'a str> {
        self.baseline.into_iter().chain([self.canary]).collect()
    }
}

/// Counters of all events and of a part of them.
#[derive(Clone, Debug)]
pub struct Question {
    total: Matcher,
    part: Matcher,
}

impl Question {
    /// A question by two selectors.
    #[must_use]
    pub const fn new(total: Matcher, part: Matcher) -> Self {
        Self { total, part }
    }

    /// Whether the selectors of all and of some tell slots apart.
    #[must_use]
    pub fn has_slot(&self) -> [bool; 2] {
        [self.total.has_slot(), self.part.has_slot()]
    }

    /// One query where the part is among all events by its labels, as it is as
    /// a rule, else two.
    #[must_use]
    pub fn queries(&self, slots: Slots<'_>, span: Span) -> Vec<String> {
        let all = slots.all();
        let query = |matcher: &Matcher| format!("{}[{}ms]", matcher.query(&all), span.millis());
        match self.is_one() {
            true => vec![query(&self.total)],
            false => vec![query(&self.total), query(&self.part)],
        }
    }

    /// What the answers, in the order of the queries, say about one slot.
    ///
    /// # Errors
    ///
    /// Fails on an expression that cannot be understood.
    pub fn arms(&self, answers: &[Answer], slot: &str) -> Result<Arms, Error> {
        let asked = match self.is_one() {
            true => &self.total,
            false => &self.part,
        };
        Ok(Arms {
            total: chosen(answers.first(), &self.total.among(&self.total, slot)?),
            bad: chosen(answers.last(), &self.part.among(asked, slot)?),
        })
    }

    fn is_one(&self) -> bool {
        self.part.narrows(&self.total)
    }
}

fn chosen(answer: Option<&Answer>, wanted: &Wanted) -> Counter {
    let Some(answer) = answer else {
        return Counter::default();
    };
    let fits = |one: &&Series| wanted.fits(&one.labels);
    Counter::Raw(Answer {
        series: answer.series.iter().filter(fits).cloned().collect(),
        warnings: answer.warnings.clone(),
        ..Answer::default()
    })
}
