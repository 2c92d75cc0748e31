//! Reads a condition, by the strength of its signs.

use super::super::indicator::Op;
use super::{Expression, Function, ParseError, Sign};

/// The most bytes of a condition, and how deep it may be.
pub(super) const LONGEST: usize = 4096;
const DEEPEST: usize = 32;

/// The functions by their names.
const FUNCTIONS: [(&str, Function); 7] = [
    ("len", Function::Len),
    ("isNaN", Function::IsNaN),
    ("isInf", Function::IsInf),
    ("isNil", Function::IsNil),
    ("default", Function::Default),
    ("asInt", Function::AsInt),
    ("asFloat", Function::AsFloat),
];

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

/// Reads the whole of a condition.
pub(super) fn condition(text: &str) -> Result<Expression, ParseError> {
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
