//! A log of runs: CSV, or a JSON object a line.

use super::Run;
use crate::failure::{Explain, Kind};
use crate::json;
use crate::time;

/// The first line of a log in CSV.
const HEADER: &str = "time,digest,outcome,id";

/// The most bytes of a log.
pub const LARGEST: usize = 64 * 1024 * 1024;

/// The most runs of a log.
const MOST: usize = 200_000;

/// The most bytes of an id.
const LONGEST_ID: usize = 512;

/// Parses a log: CSV with its header, or JSON lines with the same four fields.
///
/// # Errors
///
/// Fails on another header, on fields that are missing, unknown or of another
/// kind, on an outcome that is not `passed`, `warned`, `unknown` or `failed`,
/// and on one id of two digests.
pub fn parse(bytes: &[u8]) -> Result<Vec<Run>, ParseError> {
    if bytes.len() > LARGEST {
        return Err(ParseError::TooLarge(bytes.len()));
    }
    let text = std::str::from_utf8(bytes)?;
    let lines = (1..).zip(text.lines());
    let runs: Vec<(usize, Run)> = if text.starts_with('{') {
        lines.map(object).collect::<Result<_, _>>()?
    } else {
        let mut lines = lines;
        match lines.next() {
            None | Some((_, HEADER)) => {}
            Some((_, found)) => return Err(ParseError::Header(excerpt(found))),
        }
        lines.map(fields).collect::<Result<_, _>>()?
    };
    if runs.len() > MOST {
        return Err(ParseError::TooMany(runs.len()));
    }
    check(&runs)?;
    Ok(runs.into_iter().map(|(_, run)| run).collect())
}

fn check(runs: &[(usize, Run)]) -> Result<(), ParseError> {
    let mut digests = std::collections::BTreeMap::new();
    for (line, run) in runs {
        let printable = !run.id.chars().any(char::is_control);
        if run.id.is_empty() || run.id.len() > LONGEST_ID || !printable {
            return Err(ParseError::Id(*line));
        }
        if *digests.entry(&run.id).or_insert(run.digest) != run.digest {
            return Err(ParseError::TwoDigests {
                line: *line,
                id: run.id.clone(),
            });
        }
    }
    Ok(())
}

fn object((line, text): (usize, &str)) -> Result<(usize, Run), ParseError> {
    match json::parse(text.as_bytes()) {
        Ok(run) => Ok((line, run)),
        Err(source) => Err(ParseError::Object { line, source }),
    }
}

fn fields((line, text): (usize, &str)) -> Result<(usize, Run), ParseError> {
    let fields: Vec<&str> = text.split(',').collect();
    let &[time, digest, outcome, id] = fields.as_slice() else {
        return Err(ParseError::Fields(line, fields.len()));
    };
    let bad = |name: &'static str, found: &str| ParseError::Field {
        line,
        name,
        found: excerpt(found),
    };
    let word = serde_json::Value::String(outcome.to_owned());
    let run = Run {
        time: time
            .parse()
            .map_err(|source| ParseError::Time { line, source })?,
        digest: digest
            .parse()
            .map_err(|_not_a_digest| bad("digest", digest))?,
        outcome: serde_json::from_value(word).map_err(|_unknown| bad("outcome", outcome))?,
        id: id.to_owned(),
    };
    Ok((line, run))
}

/// Enough of a foreign text to recognise it in one line.
fn excerpt(text: &str) -> String {
    text.chars().take(80).collect()
}

/// The bytes are no log of runs.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// More bytes than a log has.
    #[error("{0} bytes are more than the {LARGEST} that a log of runs may have")]
    TooLarge(usize),
    /// More runs than anybody judges.
    #[error("{0} runs are more than the {MOST} that are judged")]
    TooMany(usize),
    /// Not text at all.
    #[error("not UTF-8")]
    Encoding(#[from] std::str::Utf8Error),
    /// Another format.
    #[error("line 1: the header is `{0}`, expected `{HEADER}`")]
    Header(String),
    /// Too few or too many fields.
    #[error("line {0}: {1} fields, expected 4")]
    Fields(usize, usize),
    /// `time` is no moment.
    #[error("line {line}: field `time`")]
    Time {
        /// The line, counted from 1.
        line: usize,
        /// Why not.
        source: time::ParseError,
    },
    /// A field has no meaning.
    #[error("line {line}: field `{name}`: `{found}` is none")]
    Field {
        /// The line, counted from 1.
        line: usize,
        /// `digest` or `outcome`.
        name: &'static str,
        /// What stands there.
        found: String,
    },
    /// A line is no run.
    #[error("line {line}")]
    Object {
        /// The line, counted from 1.
        line: usize,
        /// Why.
        source: json::ParseError,
    },
    /// Without it a run could count twice.
    #[error("line {0}: field `id` is empty, too long or not printable")]
    Id(usize),
    /// One run of two things.
    #[error("line {line}: run `{id}` is of another digest than before")]
    TwoDigests {
        /// The line, counted from 1.
        line: usize,
        /// The run.
        id: String,
    },
}

impl Explain for ParseError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn hint(&self) -> Option<String> {
        let outcome = matches!(
            self,
            Self::Field {
                name: "outcome",
                ..
            }
        );
        outcome.then(|| "write `passed`, `warned`, `unknown` or `failed`".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::runs::Outcome;
    use crate::digest::Digest;

    #[test]
    fn both_forms_say_the_same() {
        let digest = Digest::of(b"job");
        let csv = format!("{HEADER}\n2026-11-23T12:00:00Z,{digest},passed,a\n");
        let lines = format!(
            "{{\"time\":\"2026-11-23T12:00:00Z\",\"digest\":\"{digest}\",\"outcome\":\"passed\",\"id\":\"a\"}}\n"
        );
        let (one, other) = (
            parse(csv.as_bytes()).unwrap(),
            parse(lines.as_bytes()).unwrap(),
        );
        assert_eq!(one, other);
        assert_eq!((one[0].outcome, one[0].digest), (Outcome::Passed, digest));
        assert_eq!(parse(format!("{HEADER}\n").as_bytes()).unwrap(), []);
        assert_eq!(parse(b"").unwrap(), []);
    }

    #[test]
    fn what_is_no_log_is_refused() {
        let digest = Digest::of(b"job");
        let other = Digest::of(b"other");
        let line = |time: &str, digest: &str, outcome: &str, id: &str| {
            format!("{HEADER}\n{time},{digest},{outcome},{id}\n")
        };
        let now = "2026-11-23T12:00:00Z";
        let good = digest.to_string();
        for text in [
            "time,digest,outcome\n".to_owned(),
            line("noon", &good, "passed", "a"),
            line(now, "sha256:1", "passed", "a"),
            line(now, &good, "ok", "a"),
            line(now, &good, "PASSED", "a"),
            line(now, &good, "", "a"),
            line(now, &good, "passed", ""),
            line(now, &good, "passed", "a\u{7}"),
            line(now, &good, "passed", "a,b"),
            line(now, &good, "passed", "a") + &format!("{now},{other},passed,a\n"),
            format!("{{\"time\":\"{now}\",\"digest\":\"{good}\",\"outcome\":\"passed\"}}"),
            format!(
                "{{\"time\":\"{now}\",\"digest\":\"{good}\",\"outcome\":\"passed\",\"id\":\"a\",\"attempt\":2}}"
            ),
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
