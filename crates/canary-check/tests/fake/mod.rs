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
        // Of both slots at once, each with its label.
        let (status, body) = respond(&form, answer);
        http::Answer::new(status).body(body)
    });
    served.unwrap()
}

fn respond(form: &str, answer: Answer) -> (u16, String) {
    let slots = ["v1", "v2"];
    let slots = slots.into_iter().filter(|slot| form.contains(slot));
    let each = |code: &str, values: &dyn Fn(&str) -> String| {
        let slots = slots.clone();
        let series = slots.map(|slot| series(slot, code, &values(slot)));
        series.collect::<Vec<_>>().join(",")
    };
    match answer {
        Answer::Counters { baseline, canary } => {
            let of = |slot: &str| if slot == "v1" { baseline } else { canary };
            let good = each("200", &|slot| values(of(slot).0 - of(slot).1));
            let bad = each("500", &|slot| values(of(slot).1));
            (200, matrix(&format!("{good},{bad}"), ""))
        }
        Answer::Empty => (200, matrix("", "")),
        Answer::NotANumber => (200, matrix(&each("200", &|_| "[[1,\"NaN\"]]".into()), "")),
        Answer::Fractions => (200, matrix(&each("200", &|_| "[[1,\"0.25\"]]".into()), "")),
        Answer::Warned => {
            let warning = r#","warnings":["a store is down"]"#;
            (200, matrix(&each("200", &|_| values(40)), warning))
        }
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

fn series(slot: &str, code: &str, values: &str) -> String {
    format!(
        r#"{{"metric":{{"__name__":"requests_total","instance":"{slot}:80","version":"{slot}","code":"{code}"}},"values":{values}}}"#
    )
}

/// Samples every 15 seconds over the last 16 minutes.
fn values(step: u64) -> String {
    let newest = testkit::wait::now().unix_millis() / 15_000;
    let samples: Vec<String> = (0..64)
        .map(|at| {
            let seconds = (newest - 63 + at) * 15;
            let value = step * u64::try_from(at).unwrap() + 7;
            format!("[{seconds},\"{value}\"]")
        })
        .collect();
    format!("[{}]", samples.join(","))
}
