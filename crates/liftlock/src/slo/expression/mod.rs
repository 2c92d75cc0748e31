//! The part of expr-lang that conditions of Argo Rollouts use.
//!
//! Language: <https://expr-lang.org/docs/language-definition>. A condition
//! that uses more is refused by name; none is guessed.

mod read;

use serde::Serialize;

use super::indicator::Op;

/// What a condition says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expression {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// `true` or `false`.
    Switch(bool),
    /// Nothing.
    Nil,
    /// What was measured.
    Result,
    /// `of[at]`
    Item {
        /// The list.
        of: Box<Self>,
        /// The place, from 0.
        at: u32,
    },
    /// `of.name`
    Field {
        /// The map.
        of: Box<Self>,
        /// The key.
        name: String,
    },
    /// `function(…)`
    Call {
        /// What is called.
        function: Function,
        /// With what.
        with: Vec<Self>,
    },
    /// `!of`
    Not(Box<Self>),
    /// `-of`
    Minus(Box<Self>),
    /// Two parts and what is between them.
    Pair {
        /// The left part.
        left: Box<Self>,
        /// What is between them.
        sign: Sign,
        /// The right part.
        right: Box<Self>,
    },
}

/// The functions that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Function {
    /// The length of a list.
    Len,
    /// Whether a number is none.
    IsNaN,
    /// Whether a number has no end.
    IsInf,
    /// Whether there is nothing.
    IsNil,
    /// A value, or another where there is none.
    Default,
    /// A text as a whole number.
    AsInt,
    /// A text as a number.
    AsFloat,
}

/// What stands between two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// `||`
    Or,
    /// `&&`
    And,
    /// `==`
    Same,
    /// `!=`
    Different,
    /// `<`, `<=`, `>`, `>=`
    Compare(Op),
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Times,
    /// `/`
    Over,
}

impl Expression {
    /// Reads a condition.
    ///
    /// # Errors
    ///
    /// Fails on what is not of the language, and on what is but is not known
    /// here; the message names the place.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        read::condition(text)
    }

    /// The one comparison of what was measured, itself or its first item, with
    /// a number.
    #[must_use]
    pub fn comparison(&self) -> Option<(Op, f64)> {
        let Self::Pair { left, sign, right } = self else {
            return None;
        };
        let Sign::Compare(op) = *sign else {
            return None;
        };
        match (left.is_measured(), right.number()) {
            (true, Some(limit)) => Some((op, limit)),
            (true | false, _) if right.is_measured() => Some((op.turned(), left.number()?)),
            (true | false, _) => None,
        }
    }

    fn is_measured(&self) -> bool {
        match self {
            Self::Result => true,
            Self::Item { of, at: 0 } => **of == Self::Result,
            Self::Call {
                function: Function::AsFloat,
                with,
            } => {
                matches!(with.as_slice(), [one] if one.is_measured())
            }
            Self::Number(_)
            | Self::Text(_)
            | Self::Switch(_)
            | Self::Nil
            | Self::Item { .. }
            | Self::Field { .. }
            | Self::Call { .. }
            | Self::Not(_)
            | Self::Minus(_)
            | Self::Pair { .. } => false,
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Minus(of) => of.number().map(|number| -number),
            Self::Text(_)
            | Self::Switch(_)
            | Self::Nil
            | Self::Result
            | Self::Item { .. }
            | Self::Field { .. }
            | Self::Call { .. }
            | Self::Not(_)
            | Self::Pair { .. } => None,
        }
    }

    /// Whether any part of it is like this.
    #[must_use]
    pub fn any(&self, is: fn(&Self) -> bool) -> bool {
        let below = match self {
            Self::Item { of, .. } | Self::Field { of, .. } | Self::Not(of) | Self::Minus(of) => {
                of.any(is)
            }
            Self::Call { with, .. } => with.iter().any(|one| one.any(is)),
            Self::Pair { left, right, .. } => left.any(is) || right.any(is),
            Self::Number(_) | Self::Text(_) | Self::Switch(_) | Self::Nil | Self::Result => false,
        };
        below || is(self)
    }

    /// Whether it takes an item without asking how many there are: an answer
    /// without series is an error then.
    #[must_use]
    pub fn is_unguarded(&self) -> bool {
        let item = |part: &Self| matches!(part, Self::Item { .. });
        let asks = |part: &Self| {
            matches!(
                part,
                Self::Call {
                    function: Function::Len | Function::Default | Function::IsNil,
                    ..
                }
            )
        };
        self.any(item) && !self.any(asks)
    }

    /// Whether it says what happens with what is no number.
    #[must_use]
    pub fn minds_nan(&self) -> bool {
        self.any(|part| {
            matches!(
                part,
                Self::Call {
                    function: Function::IsNaN | Function::Default,
                    ..
                }
            )
        })
    }
}

/// A condition that is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{at}` {why}")]
pub struct ParseError {
    /// The text from the place on.
    pub at: String,
    /// What is wrong with it.
    pub why: &'static str,
}

#[cfg(test)]
mod tests {
    use super::read::LONGEST;
    use super::*;

    fn parse(text: &str) -> Expression {
        Expression::parse(text).unwrap()
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        for (text, message) in [
            (
                "all(result, # > 1)",
                "`all(result, # > 1)` is not known here",
            ),
            ("result[0] >=", "`result[0] >=` ends too early"),
            ("", "`` ends too early"),
            ("result ? 1 : 2", "`? 1 : 2` is not understood"),
            (
                "result[len(result)-1] > 1",
                "`len(result)-1] > 1` is not a plain place of a list",
            ),
            ("(result > 1", "`(result > 1` ends too early"),
            ("result > 1e3", "`1e3` is not a plain number"),
            ("It worked!", "`It worked!` is not known here"),
        ] {
            let refused = Expression::parse(text).unwrap_err();
            assert_eq!(refused.to_string(), message);
        }
        for deep in ["(", "!", "-", "not ", "len("] {
            let text = deep.repeat(200);
            assert!(Expression::parse(&text).is_err(), "{deep}");
        }
        assert!(Expression::parse(&"1 + ".repeat(200)).is_err());
        assert!(Expression::parse(&"a".repeat(LONGEST + 1)).is_err());
    }

    #[test]
    fn the_usual_conditions_are_one_comparison() {
        for (text, op, limit) in [
            ("result[0] >= 0.95", Op::Gte, 0.95),
            ("result < 500", Op::Lt, 500.0),
            ("0.05 > result[0]", Op::Lt, 0.05),
            ("(result[0]) > -1.5", Op::Gt, -1.5),
            ("asFloat(result) <= 1_000", Op::Lte, 1000.0),
        ] {
            assert_eq!(parse(text).comparison(), Some((op, limit)), "{text}");
        }
        for text in [
            "result[0] > 1 && result[0] < 2",
            "result[1] > 1",
            "result == 1",
            "result.value > 1",
        ] {
            assert_eq!(parse(text).comparison(), None, "{text}");
        }
    }

    #[test]
    fn a_guard_is_seen() {
        for text in [
            "len(result) == 0 || result[0] < 1",
            "isNil(result) or result[0] < 1",
            "default(result[0], 0) < 1",
            "result < 1",
        ] {
            assert!(!parse(text).is_unguarded(), "{text}");
        }
        assert!(parse("isNaN(result[0]) || result[0] < 1").is_unguarded());
        assert!(parse("isNaN(result) || result < 1").minds_nan());
        assert!(!parse("len(result) > 0 and not (result[0] < 1)").minds_nan());
    }

    #[test]
    fn and_binds_more_strongly_than_or() {
        let Expression::Pair { sign, right, .. } = parse("true || false && result > 1") else {
            panic!("no pair")
        };
        assert_eq!(sign, Sign::Or);
        assert!(matches!(
            *right,
            Expression::Pair {
                sign: Sign::And,
                ..
            }
        ));
        // From the left: (5 - 2) - 1.
        let Expression::Pair { right, .. } = parse("5 - 2 - 1") else {
            panic!("no pair")
        };
        assert_eq!(*right, Expression::Number(1.0));
    }
}
