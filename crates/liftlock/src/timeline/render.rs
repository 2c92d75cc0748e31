//! A timeline for people: Markdown for a page, lines for a terminal.

use super::{Event, Timeline};
use crate::digest::Digest;
use crate::name::Name;
use crate::verdict::Verdict;

/// The timeline as Markdown, with nothing in it that others could have made
/// into links, tables, mentions or HTML.
#[must_use]
pub fn markdown(timeline: &Timeline) -> String {
    let mut text = format!("# Release {}\n\n", escaped(&timeline.release));
    let digests: Vec<String> = timeline.digests.iter().map(Digest::to_string).collect();
    line(&mut text, format_args!("- digest: {}", digests.join(", ")));
    if digests.len() > 1 || timeline.services.len() > 1 {
        text.push_str("- **warning: more than one release has this id**\n");
    }
    line(
        &mut text,
        format_args!("- ledger verified up to {}", timeline.head),
    );
    for told in spans(timeline) {
        line(&mut text, format_args!("- {told}"));
    }
    text.push_str(
        "\n## Gates\n\n| gate | environment | seen | verdict | evidence |\n|---|---|---|---|---|\n",
    );
    for gate in &timeline.gates {
        let row = [
            gate.gate.clone(),
            name(gate.environment.as_ref()),
            if gate.seen { "yes" } else { "no" }.to_owned(),
            word(gate.verdict),
            short(&gate.evidence),
        ];
        line(&mut text, format_args!("| {} |", row.join(" | ")));
    }
    text.push_str("\n## Moves\n\n| # | time | environment | what | from | to | verdict |\n|---|---|---|---|---|---|---|\n");
    for step in &timeline.moves {
        let row = [
            step.seq.to_string(),
            step.at.to_string(),
            name(step.environment.as_ref()),
            escaped(&step.kind),
            escaped(step.from.as_deref().unwrap_or("–")),
            escaped(step.to.as_deref().unwrap_or("–")),
            word(step.verdict),
        ];
        line(&mut text, format_args!("| {} |", row.join(" | ")));
    }
    text.push_str("\n## Timeline\n\n| # | time | what | environment | verdict | who | run | evidence | note |\n|---|---|---|---|---|---|---|---|---|\n");
    for event in &timeline.events {
        line(&mut text, format_args!("| {} |", row(event).join(" | ")));
    }
    text
}

/// The timeline as lines for a terminal.
#[must_use]
pub fn lines(timeline: &Timeline) -> String {
    let mut text = String::new();
    for event in &timeline.events {
        let evidence = short(&event.evidence);
        let (place, verdict) = (name(event.environment.as_ref()), word(event.verdict));
        let (seq, at) = (event.seq, event.at.to_string());
        let (kind, actor) = (visible(&event.kind), visible(&event.actor));
        let note = match event.note.as_str() {
            "" => String::new(),
            note => format!("  {}", visible(note)),
        };
        line(
            &mut text,
            format_args!(
                "{seq:>4}  {at:<24}  {place:<12}  {kind:<18}  {verdict:<12}  {actor}  {evidence}{note}"
            ),
        );
    }
    for told in spans(timeline) {
        line(&mut text, format_args!("{told}"));
    }
    text
}

/// How long people took, and each way back.
fn spans(timeline: &Timeline) -> Vec<String> {
    let approvals = timeline.approvals.iter().map(|one| {
        let place = name(one.environment.as_ref());
        let took = duration(one.time_to_decide_ms);
        let later = duration(one.time_to_use_ms);
        format!("time to approve in {place}: {took}, used {later} later")
    });
    let recoveries = timeline.recoveries.iter().map(|one| {
        let place = name(one.environment.as_ref());
        let took = duration(one.time_to_recover_ms);
        format!("time to recover in {place}: {took}")
    });
    approvals.chain(recoveries).collect()
}

fn row(event: &Event) -> [String; 9] {
    [
        event.seq.to_string(),
        event.at.to_string(),
        escaped(&event.kind),
        name(event.environment.as_ref()),
        word(event.verdict),
        escaped(&event.actor),
        event.run_url.as_deref().map_or_else(nothing, link),
        short(&event.evidence),
        escaped(&event.note),
    ]
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.push_str(&arguments.to_string());
    text.push('\n');
}

fn nothing() -> String {
    "–".to_owned()
}

fn name(name: Option<&Name>) -> String {
    name.map_or_else(nothing, |name| escaped(name.as_str()))
}

fn word(verdict: Option<Verdict>) -> String {
    verdict.map_or_else(nothing, |verdict| verdict.word().to_owned())
}

fn short(evidence: &[Digest]) -> String {
    let short: Vec<String> = evidence.iter().map(Digest::short).collect();
    if short.is_empty() {
        nothing()
    } else {
        short.join(" ")
    }
}

fn duration(millis: i64) -> String {
    let seconds = millis.max(0) / 1_000;
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    let rest = seconds % 60;
    match (hours, minutes) {
        (0, 0) => format!("{rest}.{:03} s", millis.max(0) % 1_000),
        (0, minutes) => format!("{minutes} min {rest} s"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// An address that is plainly one becomes a link; anything else stays text.
fn link(address: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/:.-_~%#?=&".contains(&byte);
    if address.starts_with("https://") && address.len() <= 500 && address.bytes().all(plain) {
        format!("<{address}>")
    } else {
        escaped(address)
    }
}

/// Text of others without control and direction characters, 200 at the most.
fn visible(text: &str) -> String {
    let hidden = |letter: &char| {
        letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.chars()
        .filter(|letter| !hidden(letter))
        .take(200)
        .collect()
}

/// Text of others with everything that Markdown, HTML or a forge would read.
fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for letter in visible(text).chars() {
        match letter {
            '&' | '<' | '>' | '@' | '#' | '|' | ':' => {
                safe.push_str(&format!("&#{};", u32::from(letter)));
            }
            '\\' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '!' | '~' | '$' => {
                safe.push('\\');
                safe.push(letter);
            }
            letter => safe.push(letter),
        }
    }
    safe
}
