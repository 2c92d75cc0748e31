//! A server on loopback that answers queries as Prometheus does, or does not.

use testkit::http::{self, Server};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// Requests and bad ones per 15 seconds, of each slot.
    Counters {
        baseline: (u64, u64),
        canary: (u64, u64),
    },
    Empty,
    NotANumber,
    Fractions,
    Warned,
    Refused(u16),
    Page(u16),
}

/// Starts the server; it ends when it is dropped.
pub(crate) fn start(answer: Answer) -> Server {
    let served = Server::start(move |request| {
        let form = String::from_utf8(request.body.clone()).unwrap();
        let (status, body) = respond(&form, answer);
        http::Answer::new(status).body(body)
    });
    served.unwrap()
}

fn respond(form: &str, answer: Answer) -> (u16, String) {
    let canary = form.contains("v2");
    let bad = form.contains("500");
    match answer {
        Answer::Counters {
            baseline: (total, failed),
            canary: (canary_total, canary_failed),
        } => {
            let pick = match (canary, bad) {
                (false, false) => total,
                (false, true) => failed,
                (true, false) => canary_total,
                (true, true) => canary_failed,
            };
            (200, matrix(&values(pick, ""), ""))
        }
        Answer::Empty => (200, matrix("", "")),
        Answer::NotANumber => (200, matrix(&series("[[1,\"NaN\"]]"), "")),
        Answer::Fractions => (200, matrix(&series("[[1,\"0.25\"]]"), "")),
        Answer::Warned => (
            200,
            matrix(&values(40, ""), r#","warnings":["a store is down"]"#),
        ),
        Answer::Refused(status) => {
            let body = r#"{"status":"error","errorType":"execution","error":"many-to-many"}"#;
            (status, body.to_owned())
        }
        Answer::Page(status) => (status, "<html>sign in</html>".to_owned()),
    }
}

fn matrix(result: &str, more: &str) -> String {
    format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{result}]}}{more}}}"#)
}

fn series(values: &str) -> String {
    format!(r#"{{"metric":{{"__name__":"requests_total","instance":"a"}},"values":{values}}}"#)
}

/// Samples every 15 seconds over the last 16 minutes.
fn values(step: u64, separator: &str) -> String {
    let newest = testkit::wait::now().unix_millis() / 15_000;
    let samples: Vec<String> = (0..64)
        .map(|at| {
            let seconds = (newest - 63 + at) * 15;
            let value = step * u64::try_from(at).unwrap() + 7;
            format!("[{seconds},\"{value}\"]")
        })
        .collect();
    series(&format!("[{}]{separator}", samples.join(",")))
}
