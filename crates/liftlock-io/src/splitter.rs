//! A team's own program that reads and sets how requests are split.

use std::collections::BTreeMap;

use liftlock::config::traffic::Splitter;
use liftlock::failure::{Explain, Kind};
use liftlock::name::Name;
use liftlock::traffic::command::{self, ParseError, Question, Split};

use crate::process;

/// Asks how requests are split.
///
/// # Errors
///
/// Fails when the program does, or prints something else.
pub fn read(target: &Splitter, question: &Question<'_>) -> Result<Split, Error> {
    let answer = run(target, &target.read, question)?;
    command::parse(&answer, question.slots).map_err(|source| Error::Answer {
        program: target.read.join(" "),
        source,
    })
}

/// Has requests split as the question orders, and reads that back.
///
/// # Errors
///
/// Fails when a program does, or when requests are split otherwise afterwards.
pub fn shift(target: &Splitter, question: &Question<'_>) -> Result<(), Error> {
    run(target, &target.shift, question)?;
    let asked = Question {
        order: None,
        ..question.clone()
    };
    let found = read(target, &asked)?.weights;
    let ordered = question.order.iter().flat_map(|order| &order.weights);
    let kept = ordered
        .map(|(slot, points)| (*slot, *points))
        .eq(found.iter().map(|(slot, points)| (slot, *points)));
    if kept {
        Ok(())
    } else {
        Err(Error::NotKept(told(&found)))
    }
}

fn run(target: &Splitter, argv: &[String], question: &Question<'_>) -> Result<Vec<u8>, Error> {
    let mut input = serde_json::to_vec(question).map_err(Error::Json)?;
    input.push(b'\n');
    Ok(process::run(&process::Call {
        argv,
        input: &input,
        timeout: target.timeout().duration(),
    })?)
}

fn told(weights: &BTreeMap<Name, u16>) -> String {
    let pairs = weights.iter();
    let pairs: Vec<String> = pairs
        .map(|(slot, points)| format!("{slot} {points}"))
        .collect();
    pairs.join(", ")
}

/// Why requests are not split as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program failed.
    #[error(transparent)]
    Program(#[from] process::Error),
    /// It printed something else.
    #[error("cannot understand what `{program}` printed")]
    Answer {
        /// Program and arguments.
        program: String,
        /// Why.
        source: ParseError,
    },
    /// It said yes and did something else.
    #[error("right after the shift the weights are {0}, in hundredths of a percent")]
    NotKept(String),
    /// A question that is no JSON.
    #[error("the question cannot be written")]
    Json(#[source] serde_json::Error),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Program(error) => error.kind(),
            Self::Answer { .. } | Self::NotKept(_) => Kind::Upstream,
            Self::Json(_) => Kind::Bug,
        }
    }
}

#[cfg(test)]
mod tests {
    use liftlock::config::target::Slots;
    use liftlock::digest::Digest;
    use liftlock::percent::Percent;
    use liftlock::traffic::command::{Order, Release, VERSION, points};

    use super::*;

    /// Keeps the weights of the last order in a file, if `keep` says so.
    const PROGRAM: &str = r#"
cd "$1"
read -r line
echo "$line" >>asked
case $2 in
  shift) if [ -e keep ]; then echo "$line" | sed 's/.*"weights":\({[^}]*}\).*/{"schema_version":1,"weights":\1}/' >split; fi; echo done ;;
  read) cat split ;;
esac
"#;

    #[test]
    fn what_was_ordered_has_to_be_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("program"), PROGRAM).unwrap();
        std::fs::write(path("keep"), "").unwrap();
        let argv = |word: &str| {
            let words = ["sh".to_owned(), path("program").display().to_string()];
            let rest = [folder.path().display().to_string(), word.to_owned()];
            [words, rest].concat()
        };
        let slots = Slots {
            stable: "blue".parse().unwrap(),
            canary: "green".parse().unwrap(),
        };
        let target = Splitter {
            read: argv("read"),
            shift: argv("shift"),
            timeout: None,
            slots: slots.clone(),
        };
        let (service, environment) = ("shop".parse().unwrap(), "production".parse().unwrap());
        let digest = Digest::of(b"x");
        let order = |canary: Percent| {
            let shares = BTreeMap::from([
                (slots.stable.clone(), canary.rest()),
                (slots.canary.clone(), canary),
            ]);
            let order = Question {
                schema_version: VERSION,
                service: &service,
                environment: &environment,
                slots: &slots,
                order: Some(Order {
                    weights: points(&shares),
                    plan: digest,
                    release: Release {
                        id: "shop-2",
                        digest,
                    },
                    fence: 3,
                }),
            };
            shift(&target, &order)
        };
        order(Percent::ONE).unwrap();
        let asked = std::fs::read_to_string(path("asked")).unwrap();
        let asked: Vec<&str> = asked.lines().collect();
        assert_eq!(asked.len(), 2);
        assert!(asked[0].contains(r#""fence":3"#), "{asked:?}");
        assert!(!asked[1].contains("weights"), "{asked:?}");
        std::fs::remove_file(path("keep")).unwrap();
        let error = order(Percent::HALF).unwrap_err();
        assert!(
            matches!(&error, Error::NotKept(found) if found == "blue 9900, green 100"),
            "{error}"
        );
        std::fs::write(path("split"), "<html>").unwrap();
        assert!(matches!(order(Percent::ONE), Err(Error::Answer { .. })));
    }
}
