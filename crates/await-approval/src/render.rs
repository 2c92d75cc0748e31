//! Tells people and machines what was asked, answered and judged.

use std::path::Path;

use liftlock::approval::answer::Answer;
use liftlock::approval::decide::Judgement;
use liftlock::approval::form::NAMESPACE;
use liftlock::approval::policy::Policy;
use liftlock::approval::predicate::Latency;
use liftlock::approval::request::{Identified, Request};
use liftlock::approval::seats::Rule;
use liftlock::bundle::Bundle;
use liftlock::ci;
use liftlock::ci::github::escape_markdown;
use liftlock::config::break_glass::Gate;
use liftlock::digest::Digest;
use liftlock::name::Name;
use liftlock::release::Reference;
use liftlock::report::Report;
use liftlock::time::Time;
use liftlock::verdict::Verdict;
use serde::Serialize;

use crate::gather::Judged;
use crate::groups;
use crate::question;

/// The result of `request`.
#[derive(Serialize)]
struct Requested<'a> {
    request: Digest,
    id: &'a str,
    release: &'a Reference,
    policy: Digest,
    rules: &'a [Rule],
    distinct: bool,
    who_may: &'a [Name],
    made_at: Time,
    expires_at: Time,
    answer_with: &'a str,
    judge_with: &'a str,
}

/// The result of `answer`.
#[derive(Serialize)]
struct Answered<'a> {
    bundle: &'a Digest,
    #[serde(flatten)]
    answer: &'a Answer,
}

/// The result of `judge`.
#[derive(Serialize)]
struct Outcome<'a> {
    request: Digest,
    release: &'a Reference,
    policy: Digest,
    expires_at: Time,
    approval: Option<Digest>,
    judgement: &'a Judgement,
    latency: Latency,
}

/// The result of asking: to this file as well, and on this page of a forge.
pub(crate) fn requested(
    asked: &Identified,
    policy: &Policy,
    (output, page): (Option<&Path>, Option<String>),
) -> Report {
    let request = &asked.request;
    let reference = match output {
        Some(path) => path.display().to_string(),
        None => asked.digest.to_string(),
    };
    let able = policy.eligible(request.made_at).into_iter();
    let who_may: Vec<Name> = able.filter(|name| request.asks(name)).collect();
    let file = output.map_or("", |_| " --output ANSWER.json");
    let answer_with = format!(
        "await-approval answer --request {reference} --person NAME --key NAME.key --yes{file}"
    );
    let file = output.map_or("", |_| " --answer ANSWER.json");
    let judge_with = format!("await-approval judge --request {reference} --key judge.key{file}");
    let people = joined(&who_may);
    let headline = format!(
        "{} needs {} until {}",
        destination(request),
        wanted(request, &who_may),
        request.expires_at
    );
    let told = asked_lines(asked, policy);
    let here = page.as_ref();
    let here = here.map_or_else(String::new, |page| format!("answer:  {page}\n"));
    let copy = question::to_copy(asked);
    let human = format!("{told}\n{here}answer:  {answer_with}\njudge:   {judge_with}\n{copy}");
    let summary = question::here(asked, &answer_with, page.as_deref());
    let rules = request.rules.iter();
    let quorums = rules.fold(0_u32, |sum, rule| sum.saturating_add(rule.quorum));
    let detail = Requested {
        request: asked.digest,
        id: &request.id,
        release: &request.release,
        policy: request.policy,
        rules: &request.rules,
        distinct: request.distinct,
        who_may: &who_may,
        made_at: request.made_at,
        expires_at: request.expires_at,
        answer_with: &answer_with,
        judge_with: &judge_with,
    };
    let report = Report::new("request", Verdict::Pending, headline);
    let report = match page {
        Some(page) => report.with_output("page", page),
        None => report,
    };
    report
        .with_detail(&detail)
        .with_output("request", asked.digest.to_string())
        .with_output("expires-at", request.expires_at.to_string())
        .with_output("still-needed", quorums.to_string())
        .with_output("who-may", people)
        .with_human(human)
        .with_summary(summary)
        .with_scope(
            Some(request.service.clone()),
            Some(request.environment.clone()),
        )
}

/// The result of judging where the event answers nothing: nothing was judged,
/// and people are still needed.
pub(crate) fn beside(subcommand: &'static str, why: &str) -> Report {
    let headline = format!("the event is no new answer, and nothing was judged: {why}");
    Report::new(subcommand, Verdict::Pending, headline)
}

fn asked_lines(asked: &Identified, policy: &Policy) -> String {
    let request = &asked.request;
    let from = policy.counts_from(request.made_at);
    let mut told = release_lines(asked);
    if from > request.made_at {
        push(&mut told, format_args!("a yes counts from {from} on"));
    }
    for line in policy.groups.iter().flat_map(groups::told) {
        push(&mut told, format_args!("{}", one_line(&line)));
    }
    if let Some(pattern) = &policy.approval.ticket {
        push(
            &mut told,
            format_args!("the notes or a yes have to name a ticket like {pattern}"),
        );
    }
    told
}

/// How many of whom, by each rule.
fn wanted(request: &Request, who_may: &[Name]) -> String {
    let each = request.rules.iter().map(|rule| {
        let able = who_may.iter().filter(|name| rule.people.contains(*name));
        let able: Vec<Name> = able.cloned().collect();
        let text = format!("{} of {}", rule.quorum, joined(&able));
        match request.rules.as_slice() {
            [_] => text,
            _ => format!("{text} for {}", rule.name),
        }
    });
    each.collect::<Vec<_>>().join(" and ")
}

pub(crate) fn answered(said: &Answer, bundle: &Digest, asked: &Identified) -> Report {
    let request = &asked.request;
    let kind = if said.break_glass {
        "BREAK-GLASS for "
    } else {
        ""
    };
    let headline = format!(
        "{}{} says {} to {kind}{} in {}",
        said.person,
        instead(said.on_behalf_of.as_ref()),
        said.answer,
        request.release.id,
        said.environment
    );
    Report::new("answer", Verdict::Pass, headline)
        .with_detail(&Answered {
            bundle,
            answer: said,
        })
        .with_output("request", asked.digest.to_string())
        .with_output("answer", said.answer.to_string())
        .with_output("bundle", bundle.to_string())
        .with_human(release_lines(asked))
        .with_scope(
            Some(request.service.clone()),
            Some(request.environment.clone()),
        )
}

pub(crate) fn to_be_signed(said: &Answer, path: &Path, asked: &Identified) -> Report {
    let request = &asked.request;
    let file = path.display();
    let headline = format!(
        "{} has to sign `{file}`, which says {} to {} in {}",
        said.person, said.answer, request.release.id, said.environment
    );
    let human = format!(
        "{}\nsign:    ssh-keygen -Y sign -n {NAMESPACE} -f KEY {file}\nanswer:  await-approval answer --request {} --statement {file} --ssh-signature {file}.sig\n",
        release_lines(asked),
        asked.digest
    );
    Report::new("answer", Verdict::Pending, headline)
        .with_detail(said)
        .with_output("request", asked.digest.to_string())
        .with_output("answer", said.answer.to_string())
        .with_human(human)
        .with_scope(
            Some(request.service.clone()),
            Some(request.environment.clone()),
        )
}

pub(crate) fn judged(judged: &Judged, approval: Option<&Bundle>, reference: &str) -> Report {
    let (asked, judgement) = (&judged.asked, &judged.judgement);
    let request = &asked.request;
    let approval = approval.map(Bundle::digest);
    let latency = judged.latency();
    let detail = Outcome {
        request: asked.digest,
        release: &request.release,
        policy: request.policy,
        expires_at: request.expires_at,
        approval,
        judgement,
        latency,
    };
    let shown = approval.map_or_else(String::new, |digest| digest.to_string());
    Report::new("judge", judgement.verdict, headline(judged))
        .with_detail(&detail)
        .with_output("request", asked.digest.to_string())
        .with_output("approval", shown)
        .with_output("still-needed", judgement.still_needed.to_string())
        .with_output("who-may", joined(&judgement.who_may))
        .with_output("expires-at", request.expires_at.to_string())
        .with_human(people_lines(judged, reference))
        .with_summary(people_table(judged))
        .with_scope(
            Some(request.service.clone()),
            Some(request.environment.clone()),
        )
}

pub(crate) fn headline(judged: &Judged) -> String {
    let request = &judged.asked.request;
    format!("{}: {}", destination(request), judged.judgement.why)
}

/// What goes where, and past what.
pub(crate) fn destination(request: &Request) -> String {
    let (id, environment) = (&request.release.id, &request.environment);
    let Some(wanted) = &request.break_glass else {
        return format!("{id} to {environment}");
    };
    let past: Vec<String> = wanted.past.iter().map(Gate::to_string).collect();
    let (past, reason) = (past.join(", "), &wanted.reason);
    format!("BREAK-GLASS: {id} to {environment} past {past} ({reason})")
}

fn people_lines(judged: &Judged, reference: &str) -> String {
    let judgement = &judged.judgement;
    let mut lines = String::new();
    for one in &judgement.counted {
        let comment = one.comment.as_deref().map(one_line).unwrap_or_default();
        push(
            &mut lines,
            format_args!(
                "{:<8}{}{} at {}  {comment}",
                one.answer,
                one.person,
                instead(one.on_behalf_of.as_ref()),
                one.made_at
            ),
        );
    }
    for one in &judgement.not_counted {
        let who = one.who.as_ref().map_or("somebody", Name::as_str);
        push(
            &mut lines,
            format_args!("ignored {who}: {}", one_line(&one.why)),
        );
    }
    for names in &judgement.unrecognised {
        push(
            &mut lines,
            format_args!(
                "unknown {}: had a part in the run, and is nobody of `people`",
                one_line(names)
            ),
        );
    }
    if judgement.verdict == Verdict::Pending {
        for rule in judgement.rules.iter().filter(|rule| rule.missing > 0) {
            let named = match judgement.rules.as_slice() {
                [_] => String::new(),
                _ => format!(" for {}", rule.name),
            };
            push(
                &mut lines,
                format_args!(
                    "needed  {} more of {}{named} until {}",
                    rule.missing,
                    joined(&rule.who_may),
                    judged.asked.request.expires_at
                ),
            );
        }
        push(
            &mut lines,
            format_args!(
                "answer: await-approval answer --request {reference} --person NAME --key NAME.key --yes"
            ),
        );
    }
    lines
}

fn instead(place: Option<&Name>) -> String {
    place.map_or_else(String::new, |place| format!(" for {place}"))
}

fn people_table(judged: &Judged) -> String {
    let judgement = &judged.judgement;
    let mut table = "| who | answer | counts |\n|---|---|---|\n".to_owned();
    for one in &judgement.counted {
        push(
            &mut table,
            format_args!(
                "| {}{} | {} | yes |",
                one.person,
                instead(one.on_behalf_of.as_ref()),
                one.answer
            ),
        );
    }
    for one in &judgement.not_counted {
        let who = one.who.as_ref().map_or("somebody", Name::as_str);
        let why = escape_markdown(&one_line(&one.why));
        push(&mut table, format_args!("| {who} | | no: {why} |"));
    }
    for name in &judgement.who_may {
        push(&mut table, format_args!("| {name} | not yet | |"));
    }
    table
}

pub(crate) fn release_lines(asked: &Identified) -> String {
    let request = &asked.request;
    let mut lines = String::new();
    push(&mut lines, format_args!("request  {}", asked.digest));
    push(
        &mut lines,
        format_args!(
            "release  {}  {}",
            request.release.digest, request.release.id
        ),
    );
    for (name, digest) in &request.release.artifacts {
        push(&mut lines, format_args!("artifact {digest}  {name}"));
    }
    for digest in &request.evidence {
        push(&mut lines, format_args!("evidence {digest}"));
    }
    lines
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.push_str(line.to_string().trim_end());
    text.push('\n');
}

/// What others wrote, without anything that could move a terminal's cursor.
pub(crate) fn one_line(text: &str) -> String {
    ci::line(text).chars().take(200).collect()
}

pub(crate) fn joined(names: &[Name]) -> String {
    let names: Vec<&str> = names.iter().map(Name::as_str).collect();
    names.join(", ")
}
