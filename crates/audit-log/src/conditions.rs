//! `explain`: what is missing for a whole story, all at once.

use liftlock::failure::Failure;
use liftlock::report::Report;
use liftlock::timeline::Timeline;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use serde::Serialize;

use crate::args::Explain;
use crate::places::Places;
use crate::run::everything;

/// Something that a whole story needs.
#[derive(Debug, Serialize)]
pub(crate) struct Condition {
    pub(crate) met: bool,
    pub(crate) wanted: String,
    pub(crate) found: String,
    pub(crate) provided_by: String,
    pub(crate) command: String,
}

#[derive(Serialize)]
struct Explained<'a> {
    ledger: &'a str,
    conditions: &'a [Condition],
}

pub(crate) fn explain(
    asked: &Explain,
    places: &Places,
    session: &Session,
) -> Result<Report, Failure> {
    let mut conditions = Vec::new();
    match everything(places) {
        Ok((head, mut entries)) => {
            let service = session.service.as_ref();
            entries.retain(|entry| service.is_none_or(|one| *one == entry.record.service));
            conditions.push(Condition {
                met: head.seq > 0,
                wanted: format!("entries in `{}`", places.ledger),
                found: format!("{} entries, and the chain holds", head.seq),
                provided_by: "any gate, or a person".to_owned(),
                command: format!(
                    "audit-log append --kind note --service NAME --ledger {}",
                    places.ledger
                ),
            });
            if let Some(id) = &asked.release {
                let told = Timeline::of(&entries, id, head);
                conditions.extend(about(id, told.as_ref()));
            }
        }
        Err(failure) => conditions.push(Condition {
            met: false,
            wanted: format!("a chain that holds in `{}`", places.ledger),
            found: failure.lines().join(": "),
            provided_by: "whoever keeps a copy of the ledger".to_owned(),
            command: format!("audit-log verify --ledger {}", places.ledger),
        }),
    }
    let missing = conditions.iter().filter(|condition| !condition.met).count();
    let verdict = if missing == 0 {
        Verdict::Pass
    } else {
        Verdict::Fail
    };
    let headline = format!("{missing} of {} conditions are not met", conditions.len());
    let detail = Explained {
        ledger: &places.ledger,
        conditions: &conditions,
    };
    Ok(Report::new("explain", verdict, headline)
        .with_detail(&detail)
        .with_output("missing", missing.to_string())
        .with_human(lines(&conditions)))
}

fn about(id: &str, told: Option<&Timeline>) -> Vec<Condition> {
    let Some(told) = told else {
        return vec![Condition {
            met: false,
            wanted: format!("entries about release `{id}`"),
            found: "none".to_owned(),
            provided_by: "`promote`, or a person".to_owned(),
            command: "audit-log append --kind release-created --release-file release.json"
                .to_owned(),
        }];
    };
    let gates = told.gates.iter().map(|gate| Condition {
        met: gate.seen && gate.verdict == Some(Verdict::Pass),
        wanted: format!("a pass of the gate `{}`", gate.gate),
        found: match (gate.seen, gate.verdict) {
            (false, _) => "nothing".to_owned(),
            (true, None) => "a record without a verdict".to_owned(),
            (true, Some(verdict)) => verdict.word().to_owned(),
        },
        provided_by: provider(&gate.gate).to_owned(),
        command: command(&gate.gate).to_owned(),
    });
    std::iter::once(one(id, told)).chain(gates).collect()
}

/// That the gates let the same release through: an id is a label, and what the
/// one was seen to pass says nothing about the other.
fn one(id: &str, told: &Timeline) -> Condition {
    let digests: Vec<String> = told.digests.iter().map(ToString::to_string).collect();
    let services: Vec<&str> = told.services.iter().map(|name| name.as_str()).collect();
    Condition {
        met: digests.len() == 1 && services.len() == 1,
        wanted: format!("one release that is called `{id}`"),
        found: format!("{} of {}", digests.join(", "), services.join(", ")),
        provided_by: "whoever names releases".to_owned(),
        command: "audit-log explain --release DIGEST --service NAME".to_owned(),
    }
}

fn provider(gate: &str) -> &'static str {
    match gate {
        "signature" => "the builder",
        "canary" => "the canary's judge",
        _ => "the people whom the policy names",
    }
}

fn command(gate: &str) -> &'static str {
    match gate {
        "signature" => "sign-artifact sign",
        "canary" => "canary-check run",
        _ => "await-approval request",
    }
}

fn lines(conditions: &[Condition]) -> String {
    conditions
        .iter()
        .map(|condition| {
            let mark = if condition.met { "met" } else { "MISSING" };
            let mut text = format!("{mark:<8}{}: {}\n", condition.wanted, condition.found);
            if !condition.met {
                text.push_str(&format!(
                    "        from {}: {}\n",
                    condition.provided_by, condition.command
                ));
            }
            text
        })
        .collect()
}
