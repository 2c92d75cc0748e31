//! Envoy's statistics: each request of them finds more counted.

use serde_json::{Value, json};

use super::{Mood, Traffic, field};
use crate::http::{Answer, Request};

pub(super) fn answer(request: &Request, traffic: Traffic, (mood, asked): (Mood, i64)) -> Answer {
    let query = request.target.split('?').nth(1).unwrap_or_default();
    if request.path() != "/stats" || field(query, "format") != "json" {
        return Answer::new(404).body("invalid path");
    }
    // An exact filter: names in `^(…|…)$`, dots escaped.
    let filter = field(query, "filter").replace('\\', "");
    let names = filter.trim_start_matches("^(").trim_end_matches(")$");
    let mut stats: Vec<Value> = Vec::new();
    for (slot, (total, bad)) in [("v1", traffic.baseline), ("v2", traffic.canary)] {
        for (name, count) in [("total", total), ("5xx", bad)] {
            let name = format!("cluster.{slot}.upstream_rq_{name}");
            if mood != Mood::Empty && names.split('|').any(|one| one == name) {
                stats.push(json!({"name": name, "value": count * asked}));
            }
        }
    }
    Answer::json(json!({ "stats": stats }).to_string())
}
