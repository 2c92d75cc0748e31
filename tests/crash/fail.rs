//! Runs in which a request fails once: they come to the same end as those in
//! which none did.

use serde_json::Value;

use crate::cases::{Route, Wanted, each, is_soak};
use crate::fault::{Act, Fault, GIT};
use crate::meaning::differences;
use crate::stage::Stage;

/// The codes of runs that moved nothing, or not to the end, and may be repeated.
const AGAIN: [i32; 2] = [1, 14];

/// What fails: every effect, told or not, and every question. Where there is
/// time also every call of git, and with other words.
pub(crate) fn requests(wanted: &Wanted) -> Vec<Fault> {
    let effect = [Act::FailBefore, Act::FailAfter];
    let question = [Act::FailBefore];
    let mut all = Vec::new();
    for what in ["place", "set-weight", "registry-write"] {
        all.extend(each(wanted, what, &effect));
    }
    // After a push whose end was not told the store reads what is there.
    let push = if is_soak() { &effect[..] } else { &question };
    all.extend(each(wanted, "push", push));
    for what in ["prove", "show-servers", "registry-read"] {
        all.extend(each(wanted, what, &question));
    }
    if is_soak() {
        for what in [
            "set-weight",
            "show-servers",
            "registry-read",
            "registry-write",
        ] {
            all.extend(each(wanted, what, &[Act::Refuse]));
        }
        for what in GIT.into_iter().filter(|what| *what != "push") {
            all.extend(each(wanted, what, &question));
        }
    }
    all
}

/// Without what is told of runs that moved nothing.
fn moves(meaning: &Value) -> Value {
    let mut meaning = meaning.clone();
    if let Some(records) = meaning["ledger"].as_array_mut() {
        records.retain(|record| record["kind"] != "refused");
    }
    meaning
}

pub(crate) fn failed(stage: &Stage, fault: &Fault, wanted: &Wanted, route: &Route) -> Vec<String> {
    let mut ended = stage.run(&route.journey, Some(fault));
    let mut told = ended.told;
    if AGAIN.contains(&ended.code) {
        ended = stage.run(&route.journey, None);
        told.push_str(&ended.told);
    }
    let mut found = differences(&moves(&stage.meaning()), &moves(&wanted.meaning));
    if ended.code != 0 {
        found.push(format!("it ended with {}", ended.code));
    }
    if !found.is_empty() {
        found.push(told);
    }
    found
}
