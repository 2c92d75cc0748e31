//! A page of metrics: each request of it finds more counted.

use super::{Mood, Traffic};
use crate::http::{Answer, Request};

pub(super) fn answer(_request: &Request, traffic: Traffic, (mood, asked): (Mood, i64)) -> Answer {
    let mut page = "# HELP requests_total Requests.\n# TYPE requests_total counter\n".to_owned();
    for (slot, (total, bad)) in [("v1", traffic.baseline), ("v2", traffic.canary)] {
        if mood == Mood::Empty && slot == "v2" {
            continue;
        }
        let (good, bad) = ((total - bad) * asked, bad * asked);
        page.push_str(&format!(
            "requests_total{{version=\"{slot}\",code=\"200\"}} {good} # {{trace_id=\"x\"}} 1\n\
             requests_total{{version=\"{slot}\",code=\"500\"}} {bad}\n"
        ));
    }
    page.push_str("# EOF\n");
    Answer::new(200)
        .header(
            "content-type",
            "application/openmetrics-text; version=1.0.0",
        )
        .body(page)
}
