//! The part of expr-lang that conditions of Argo Rollouts use.
//!
//! Language: <https://expr-lang.org/docs/language-definition>. A condition
//! that uses more is refused by name; none is guessed.

use serde::Serialize;

use super::indicator::Op;

/// The most bytes of a condition, and how deep it may be.
const LONGEST: usize = 4096;
const DEEPEST: usize = 32;

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

const FUNCTIONS: [(&str, Function); 7] = [
    ("len", Function::Len),
    ("isNaN", Function::IsNaN),
    ("isInf", Function::IsInf),
    ("isNil", Function::IsNil),
    ("default", Function::Default),
    ("asInt", Function::AsInt),
    ("asFloat", Function::AsFloat),
];

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

/// The signs, the longer one of two that begin alike first.
const SIGNS: [(&str, Sign); 14] = [
    ("||", Sign::Or),
    ("or", Sign::Or),
    ("&&", Sign::And),
    ("and", Sign::And),
    ("==", Sign::Same),
    ("!=", Sign::Different),
    ("<=", Sign::Compare(Op::Lte)),
    (">=", Sign::Compare(Op::Gte)),
    ("<", Sign::Compare(Op::Lt)),
    (">", Sign::Compare(Op::Gt)),
    ("+", Sign::Plus),
    ("-", Sign::Minus),
    ("*", Sign::Times),
    ("/", Sign::Over),
];

impl Sign {
    /// How strongly it binds.
    const fn strength(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Same | Self::Different | Self::Compare(_) => 3,
            Self::Plus | Self::Minus => 4,
            Self::Times | Self::Over => 5,
        }
    }
}

impl Expression {
    /// Reads a condition.
    ///
    /// # Errors
    ///
    /// Fails on what is not of the language, and on what is but is not known
    /// here; the message names the place.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut reader = Reader { text, rest: text };
        if text.len() > LONGEST {
            return Err(reader.refused("is too long"));
        }
        let whole = reader.pair(0, 0)?;
        reader.skip();
        if reader.rest.is_empty() {
            Ok(whole)
        } else {
            Err(reader.refused("is not understood"))
        }
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

struct Reader<'text> {
    text: &'text str,
    rest: &'text str,
}

impl<'text> Reader<'text> {
    fn refused(&self, why: &'static str) -> ParseError {
        let (from, why) = if self.rest.trim().is_empty() {
            (self.text, "ends too early")
        } else {
            (self.rest, why)
        };
        ParseError {
            at: from.trim().chars().take(40).collect(),
            why,
        }
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn takes(&mut self, sign: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, sign: &str) -> Result<(), ParseError> {
        if self.takes(sign) {
            Ok(())
        } else {
            Err(self.refused("is not understood"))
        }
    }

    fn word(&mut self) -> &'text str {
        let inner = |letter: char| letter.is_alphanumeric() || letter == '_';
        let end = self.rest.find(|letter| !inner(letter));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    /// A part, and all that follows and binds more strongly.
    fn pair(&mut self, strength: u8, depth: usize) -> Result<Expression, ParseError> {
        if depth > DEEPEST {
            return Err(self.refused("is too deep"));
        }
        let mut left = self.one(depth)?;
        let mut parts = 0;
        while let Some((sign, rest)) = self.sign().filter(|(sign, _)| sign.strength() > strength) {
            parts += 1;
            if parts > DEEPEST {
                return Err(self.refused("is too long"));
            }
            self.rest = rest;
            let right = self.pair(sign.strength(), depth + 1)?;
            left = Expression::Pair {
                left: Box::new(left),
                sign,
                right: Box::new(right),
            };
        }
        Ok(left)
    }

    fn sign(&mut self) -> Option<(Sign, &'text str)> {
        self.skip();
        SIGNS.iter().find_map(|(text, sign)| {
            let rest = self.rest.strip_prefix(text)?;
            let word = text.starts_with(char::is_alphabetic);
            let goes_on = rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
            (!word || !goes_on).then_some((*sign, rest))
        })
    }

    fn one(&mut self, depth: usize) -> Result<Expression, ParseError> {
        self.skip();
        let deeper = depth + 1;
        let first = self.rest.chars().next();
        let head = match first {
            Some('(') => {
                self.rest = self.rest.get(1..).unwrap_or_default();
                let inside = self.pair(0, deeper)?;
                self.expect(")")?;
                inside
            }
            Some('!' | '-') => {
                self.rest = self.rest.get(1..).unwrap_or_default();
                if deeper > DEEPEST {
                    return Err(self.refused("is too deep"));
                }
                let of = Box::new(self.one(deeper)?);
                return Ok(if first == Some('!') {
                    Expression::Not(of)
                } else {
                    Expression::Minus(of)
                });
            }
            Some('"' | '\'') => self.text()?,
            Some('0'..='9' | '.') => self.number()?,
            Some(letter) if letter.is_alphabetic() || letter == '_' => self.named(deeper)?,
            Some(_) | None => return Err(self.refused("is not understood")),
        };
        self.behind(head)
    }

    fn text(&mut self) -> Result<Expression, ParseError> {
        let quote = if self.rest.starts_with('"') {
            '"'
        } else {
            '\''
        };
        let inside = self.rest.get(1..).unwrap_or_default();
        match inside.split_once(quote) {
            Some((text, rest)) if !text.contains('\\') => {
                self.rest = rest;
                Ok(Expression::Text(text.to_owned()))
            }
            Some(_) | None => Err(self.refused("is not understood")),
        }
    }

    fn number(&mut self) -> Result<Expression, ParseError> {
        let end = self
            .rest
            .find(|next: char| !next.is_ascii_digit() && next != '.' && next != '_');
        let (digits, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        match digits.replace('_', "").parse::<f64>() {
            Ok(number) if number.is_finite() && !rest.starts_with(char::is_alphabetic) => {
                self.rest = rest;
                Ok(Expression::Number(number))
            }
            Ok(_) | Err(_) => Err(self.refused("is not a plain number")),
        }
    }

    fn named(&mut self, depth: usize) -> Result<Expression, ParseError> {
        let before = self.rest;
        match self.word() {
            "result" => Ok(Expression::Result),
            "true" => Ok(Expression::Switch(true)),
            "false" => Ok(Expression::Switch(false)),
            "nil" => Ok(Expression::Nil),
            "not" => {
                if depth > DEEPEST {
                    return Err(self.refused("is too deep"));
                }
                Ok(Expression::Not(Box::new(self.one(depth)?)))
            }
            word => {
                let known = FUNCTIONS.iter().find(|(name, _)| *name == word);
                let Some((_, function)) = known else {
                    self.rest = before;
                    return Err(self.refused("is not known here"));
                };
                let with = self.arguments(depth)?;
                Ok(Expression::Call {
                    function: *function,
                    with,
                })
            }
        }
    }

    fn arguments(&mut self, depth: usize) -> Result<Vec<Expression>, ParseError> {
        self.expect("(")?;
        let mut with = Vec::new();
        if self.takes(")") {
            return Ok(with);
        }
        loop {
            with.push(self.pair(0, depth)?);
            if self.takes(")") {
                return Ok(with);
            }
            self.expect(",")?;
        }
    }

    /// The items and fields behind a part.
    fn behind(&mut self, mut part: Expression) -> Result<Expression, ParseError> {
        for _ in 0..DEEPEST {
            if self.rest.starts_with('[') {
                self.rest = self.rest.get(1..).unwrap_or_default();
                self.skip();
                let before = self.rest;
                let Ok(at) = self.word().parse() else {
                    self.rest = before;
                    return Err(self.refused("is not a plain place of a list"));
                };
                self.expect("]")?;
                let of = Box::new(part);
                part = Expression::Item { of, at };
            } else if self.rest.starts_with('.') {
                self.rest = self.rest.get(1..).unwrap_or_default();
                let name = self.word().to_owned();
                if name.is_empty() {
                    return Err(self.refused("is not understood"));
                }
                let of = Box::new(part);
                part = Expression::Field { of, name };
            } else {
                return Ok(part);
            }
        }
        Err(self.refused("is too deep"))
    }
}

#[cfg(test)]
mod tests {
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
