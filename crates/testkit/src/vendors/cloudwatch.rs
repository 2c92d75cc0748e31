//! CloudWatch's `GetMetricData` in AWS' JSON 1.0, a page for each metric. The
//! signature itself is moto's affair.

use serde_json::{Value, json};

use super::{Mood, Traffic, at, double, intervals, rate};
use crate::http::{Answer, Request};

pub(super) fn answer(request: &Request, traffic: Traffic, mood: Mood) -> Answer {
    let signed = request.header("authorization").is_some_and(|value| {
        value.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
            && value.contains("/monitoring/aws4_request")
            && value.contains("x-amz-target")
    });
    if !signed {
        let body = r#"{"__type":"MissingAuthenticationTokenException","message":"no token"}"#;
        return Answer::new(400).body(body);
    }
    let body = super::json(request);
    let queries = at(&body, "/MetricDataQueries")
        .as_array()
        .cloned()
        .unwrap_or_default();
    let page = at(&body, "/NextToken")
        .as_str()
        .and_then(|token| token.parse().ok());
    let page: usize = page.unwrap_or_default();
    let (Some(from), Some(to), Some(query)) = (
        at(&body, "/StartTime").as_i64(),
        at(&body, "/EndTime").as_i64(),
        queries.get(page),
    ) else {
        return refused("MissingRequiredParameterException");
    };
    let stat = at(query, "/MetricStat");
    let (Some(period), "Sum") = (
        at(stat, "/Period").as_i64(),
        at(stat, "/Stat").as_str().unwrap_or(""),
    ) else {
        return refused("ValidationError");
    };
    if from >= to || !(matches!(period, 1 | 5 | 10 | 20 | 30) || period % 60 == 0) {
        return refused("ValidationError");
    }
    let metric = at(stat, "/Metric").to_string();
    let count = rate(&metric, traffic) * period;
    let mut times = intervals(from, to, period);
    // Errors are reported when they are not 0; a metric that is unknown is empty.
    if mood == Mood::Empty || count == 0 {
        times.clear();
    }
    let values = vec![double(count); times.len()];
    let last = page + 1 == queries.len();
    let result = json!({
        "Id": at(query, "/Id"), "Label": "x", "Timestamps": times, "Values": values,
        "StatusCode": if last { "Complete" } else { "PartialData" },
    });
    let mut answer = json!({"MetricDataResults": [result], "Messages": []});
    if !last && let Some(answer) = answer.as_object_mut() {
        answer.insert("NextToken".to_owned(), Value::from((page + 1).to_string()));
    }
    Answer::new(200)
        .header("content-type", "application/x-amz-json-1.0")
        .body(answer.to_string())
}

fn refused(name: &str) -> Answer {
    let body = json!({"__type": format!("com.amazonaws.cloudwatch#{name}"), "message": "no"});
    Answer::new(400).body(body.to_string())
}
