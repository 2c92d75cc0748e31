//! `explain`: every condition of the approval that is not met, all at once.

use liftlock::approval::answer::Say;
use liftlock::approval::decide::Judgement;
use liftlock::approval::request::{Noteable, Spot};
use liftlock::ci;
use liftlock::config::trust::Role;
use liftlock::failure::Failure;
use liftlock::report::Report;
use liftlock::verdict::Verdict;
use liftlock_io::cli::{Session, signing};
use liftlock_io::keyless::token::Source;
use serde::Serialize;

use crate::gather::{self, Judged};
use crate::kept::Effect;
use crate::settings::{Recorded, Settings};
use crate::{args, render};

/// One condition of a pass.
#[derive(Serialize)]
struct Condition {
    condition: String,
    met: bool,
    wanted: String,
    found: String,
    who: String,
    fix: String,
}

#[derive(Serialize)]
struct Detail<'a> {
    conditions: &'a [Condition],
    judgement: &'a Judgement,
}

pub(crate) fn explain(
    args: &args::Explain,
    settings: &Settings,
    session: &Session,
) -> Result<Report, Failure> {
    let judged = gather::judged(&args.about, settings, Effect::None)?;
    let mut conditions = conditions(&judged, &args.about.reference()?);
    conditions.extend(judge(&judged, settings, session));
    let request = &judged.asked.request;
    let detail = Detail {
        conditions: &conditions,
        judgement: &judged.judgement,
    };
    let spot = request.place.as_ref().map(|place| &place.at);
    let report = Report::new(
        "explain",
        judged.judgement.verdict,
        render::headline(&judged),
    )
    .with_detail(&detail)
    .with_output("request", judged.asked.digest.to_string())
    .with_output("still-needed", judged.judgement.still_needed.to_string())
    .with_human(human(&conditions, &judged.judgement, spot))
    .with_scope(
        Some(request.service.clone()),
        Some(request.environment.clone()),
    );
    Ok(settings.label(report, Recorded::No))
}

fn conditions(judged: &Judged, reference: &str) -> Vec<Condition> {
    let (judgement, policy) = (&judged.judgement, &judged.policy);
    let request = &judged.asked.request;
    let again = format!(
        "await-approval request --release release.json --environment {}{}",
        request.environment,
        match &request.break_glass {
            Some(_) => " --break-glass --reason TEXT",
            None => "",
        }
    );
    let anybody = || "whoever may start the pipeline".to_owned();
    let denied: Vec<String> = judgement
        .counted
        .iter()
        .filter(|one| one.answer == Say::No)
        .map(|one| one.person.to_string())
        .collect();
    let mut conditions = vec![
        Condition {
            condition: "policy".to_owned(),
            met: request.policy == policy.digest,
            wanted: format!("asked under the policy in force, {}", policy.digest),
            found: request.policy.to_string(),
            who: anybody(),
            fix: again.clone(),
        },
        Condition {
            condition: "open".to_owned(),
            met: judged.asked.is_open(judged.at),
            wanted: format!("not later than {}", request.expires_at),
            found: judged.at.to_string(),
            who: anybody(),
            fix: again.clone(),
        },
        Condition {
            condition: "not-denied".to_owned(),
            met: denied.is_empty(),
            wanted: "nobody says no".to_owned(),
            found: if denied.is_empty() {
                "nobody did".to_owned()
            } else {
                format!("no by {}", denied.join(", "))
            },
            who: anybody(),
            fix: again,
        },
    ];
    conditions.extend(ticket(judged, reference));
    conditions.extend(quorums(judgement, reference));
    conditions.extend(automatic(judged));
    conditions
}

fn quorums(judgement: &Judgement, reference: &str) -> Vec<Condition> {
    let rules = judgement.rules.iter().map(|rule| Condition {
        condition: match judgement.rules.as_slice() {
            [_] => "quorum".to_owned(),
            _ => format!("rule {}", rule.name),
        },
        met: rule.missing == 0,
        wanted: format!("{} different people say yes", rule.quorum),
        found: format!("{} still needed", rule.missing),
        who: render::joined(&rule.who_may),
        fix: format!(
            "await-approval answer --request {reference} --person NAME --key NAME.key --yes"
        ),
    });
    rules.collect()
}

/// Each condition of each rule that would let it pass without people.
fn automatic(judged: &Judged) -> Vec<Condition> {
    let rules = judged.tried.iter();
    let conditions = rules.flat_map(|tried| {
        tried.facts.iter().map(|fact| Condition {
            condition: format!("automatic {}", tried.rule),
            met: fact.met,
            wanted: fact.wanted.clone(),
            found: fact.found.clone(),
            who: "whoever makes that evidence; enough people do as well".to_owned(),
            fix: format!(
                "promote explain --environment {} --release release.json",
                judged.asked.request.environment
            ),
        })
    });
    conditions.collect()
}

fn ticket(judged: &Judged, reference: &str) -> Option<Condition> {
    let pattern = judged.policy.approval.ticket.as_ref()?;
    let found = judged.judgement.ticket.as_deref();
    Some(Condition {
        condition: "ticket".to_owned(),
        met: found.is_some(),
        wanted: format!("the notes or a yes name a ticket like `{pattern}`"),
        found: found.unwrap_or("none does").to_owned(),
        who: "whoever says yes, also once more".to_owned(),
        fix: format!(
            "await-approval answer --request {reference} --person NAME --key NAME.key --yes --comment TICKET"
        ),
    })
}

/// Somebody who may sign the outcome; left out where keys do, as nobody sees
/// whether somebody has one.
fn judge(judged: &Judged, settings: &Settings, session: &Session) -> Option<Condition> {
    let rules = settings.rules.as_ref()?;
    let judges = rules.trust.holders(Role::Judge, judged.at);
    if judges.keys > 0 {
        return None;
    }
    let signed = judged.end.as_ref().and_then(|end| end.approval);
    let source = Source::ambient();
    let lacking = signing::permission(session.ci.system);
    let (who, fix) = match judges.identities.is_empty() {
        true => (
            "whoever owns the policy".to_owned(),
            "trust: [{ name: approvals, roles: [judge], keys: [{ key-file: judge.pub }] }]",
        ),
        false => (
            judges.identities.join(", "),
            lacking.unwrap_or("run `await-approval judge` in that workflow"),
        ),
    };
    Some(Condition {
        condition: "judge".to_owned(),
        met: signed.is_some() || (source.is_ok() && !judges.identities.is_empty()),
        wanted: "a judge signs the outcome, by the identity that its CI proves".to_owned(),
        found: match (signed, source) {
            (Some(approval), _) => format!("approval {approval}"),
            (None, _) if judges.identities.is_empty() => "nobody is a judge".to_owned(),
            (None, Ok(_)) => "the CI offers one here".to_owned(),
            (None, Err(error)) => error.to_string(),
        },
        who,
        fix: fix.to_owned(),
    })
}

fn human(conditions: &[Condition], judgement: &Judgement, spot: Option<&Spot>) -> String {
    let mut lines: Vec<String> = Vec::new();
    for one in conditions {
        let mark = if one.met { "ok" } else { "NOT MET" };
        lines.push(format!("{mark:<8}{}: {}", one.condition, one.wanted));
        if !one.met {
            lines.push(format!("        found: {}", one.found));
            lines.push(format!("        who:   {}", one.who));
            lines.push(format!("        fix:   {}", one.fix));
        }
    }
    if conditions.iter().all(|one| one.met) && judgement.verdict != Verdict::Pass {
        lines.push(format!("NOT MET {}", judgement.why));
    }
    if let Some(Spot::Notes {
        on: Noteable::MergeRequest,
        ..
    }) = spot
    {
        let why = "they name no release, only the commit that was the newest one";
        lines.push(format!("ignored approvals of the merge request: {why}"));
    }
    for one in &judgement.not_counted {
        let who = one.who.as_ref().map_or("somebody", |name| name.as_str());
        lines.push(format!("ignored {who}: {}", render::one_line(&one.why)));
    }
    // Some of it is what others wrote.
    let lines: Vec<String> = lines.iter().map(|text| ci::line(text)).collect();
    lines.join("\n")
}
