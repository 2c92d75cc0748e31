//! `explain`: everything that is missing for a proof, all at once.

use liftlock::crypto::Hash;
use liftlock::failure::Failure;
use liftlock::report::Report;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use serde::Serialize;

use crate::args::Explain;
use crate::check::{One, judge, reason};
use crate::expand::{self, Absent, Typed};
use crate::found::gather;
use crate::proof::Trust;
use crate::target::Target;
use crate::wanted::Wanted;

/// Something that a proof needs.
#[derive(Debug, Serialize)]
struct Condition {
    met: bool,
    wanted: String,
    found: String,
    provided_by: &'static str,
    command: String,
}

#[derive(Serialize)]
struct Explained {
    conditions: Vec<Condition>,
}

pub(crate) fn run(asked: &Explain, session: &Session) -> Result<Report, Failure> {
    let trusted = asked.trusting.trusted(session);
    let mut conditions = vec![Condition {
        met: trusted.as_ref().is_ok_and(|trust| trust.count() > 0),
        wanted: "a key or an identity to trust".to_owned(),
        found: match &trusted {
            Ok(trust) => format!("{} keys and identities", trust.count()),
            Err(failure) => failure.lines().join(": "),
        },
        provided_by: "whoever signs",
        command: "sign-artifact generate-key-pair".to_owned(),
    }];
    let trust = trusted.unwrap_or_default();
    for text in &asked.targets {
        let typed = Typed {
            texts: std::slice::from_ref(text),
            checksums: None,
            absent: Absent::Refused,
            hash: Hash::Sha256,
        };
        match expand::all(&typed, session) {
            Ok(chosen) => {
                let targets = chosen.targets.iter();
                conditions.extend(targets.map(|target| signed(target, &trust)));
            }
            Err(failure) => conditions.push(wanted(text, Err(failure))),
        }
    }
    let missing = conditions.iter().filter(|one| !one.met).count();
    let verdict = if missing == 0 {
        Verdict::Pass
    } else {
        Verdict::Fail
    };
    let headline = format!("{missing} of {} conditions are not met", conditions.len());
    let lines: String = conditions.iter().map(line).collect();
    Ok(Report::new("explain", verdict, headline)
        .with_output("missing", missing.to_string())
        .with_human(lines)
        .with_detail(&Explained { conditions }))
}

fn signed(target: &Target, trust: &Trust) -> Condition {
    let found = gather(target, Wanted::Signature);
    let outcome = found.and_then(|found| judge(target, &found, trust, Wanted::Signature));
    wanted(&target.text, outcome)
}

fn wanted(text: &str, outcome: Result<One, Failure>) -> Condition {
    Condition {
        met: outcome.as_ref().is_ok_and(|one| one.verified),
        wanted: format!("a signature of `{text}` by one of them"),
        found: match outcome {
            Ok(one) if one.verified => "verified".to_owned(),
            Ok(one) => reason(&one),
            Err(failure) => failure.lines().join(": "),
        },
        provided_by: "the builder",
        command: format!("sign-artifact sign --key cosign.key {text}"),
    }
}

fn line(one: &Condition) -> String {
    if one.met {
        return format!("met     {}: {}\n", one.wanted, one.found);
    }
    format!(
        "MISSING {}: {}\n        from {}: {}\n",
        one.wanted, one.found, one.provided_by, one.command
    )
}
