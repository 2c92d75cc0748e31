//! A monitor's alert leads back, and only where it is about what is live.
#![cfg(test)]

use liftlock::span::Span;
use liftlock::time::Time;
use serde_json::{Value, json};
use testkit::cli::Output;
use testkit::house::House;

fn house(versions: &[&str]) -> House {
    let mut house = House::new().unwrap();
    house.open().unwrap();
    for version in versions {
        house.release(version).unwrap();
        house.promote(0, version).unwrap();
    }
    house
}

fn live(house: &House) -> (String, Time) {
    let live = &house.state()["live"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (
        text(&live["release"]["id"]),
        text(&live["since"]).parse().unwrap(),
    )
}

fn alert(status: &str, starts_at: Time, labels: &Value) -> Value {
    let mut all = json!({ "alertname": "HighErrors", "severity": "page" });
    let more = labels.as_object().unwrap().clone();
    all.as_object_mut().unwrap().extend(more);
    json!({
        "version": "4", "groupKey": "{}:{}", "status": status, "receiver": "liftlock",
        "alerts": [{
            "status": status, "labels": all, "annotations": {}, "startsAt": starts_at,
            "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "1a30",
        }],
    })
}

/// `rollback run` for a notification, which ends with this code.
fn told(house: &House, code: i32, notification: &Value, more: &[&str]) -> Output {
    house.write("alert.json", notification.to_string()).unwrap();
    let run = [
        "run",
        "--environment",
        "production",
        "--alert",
        "alert.json",
    ];
    house
        .expect(code, "rollback", &[&run, more].concat())
        .unwrap()
}

fn finished(house: &House) -> usize {
    let records = house.records();
    let ends = records
        .iter()
        .filter(|record| record["kind"] == "rollback-finished");
    ends.count()
}

#[test]
fn an_alert_that_is_not_about_what_is_live_moves_nothing() {
    let house = house(&["1", "2"]);
    let (_, since) = live(&house);
    let hour = since.after(Span::seconds(0));
    let none = json!({});
    let before: Time = "2026-01-05T08:00:00Z".parse().unwrap();
    let records = house.records().len();
    let cases = [
        ("it is resolved", alert("resolved", hour, &none)),
        ("before what is live", alert("firing", before, &none)),
        (
            "`shop-1`, which is not live",
            alert("firing", hour, &json!({ "liftlock_release": "shop-1" })),
        ),
        (
            "the environment `staging`",
            alert(
                "firing",
                hour,
                &json!({ "liftlock_environment": "staging" }),
            ),
        ),
        (
            "the service `worker`",
            alert("firing", hour, &json!({ "liftlock_service": "worker" })),
        ),
        (
            "Grafana cannot see",
            alert("firing", hour, &json!({ "alertname": "DatasourceNoData" })),
        ),
    ];
    for (expected, notification) in cases {
        let output = told(&house, 0, &notification, &[]);
        let result = output.json().unwrap();
        let headline = result["headline"].as_str().unwrap();
        assert!(headline.contains(expected), "{expected}: {headline}");
        assert!(headline.contains("shop-2 stays live"), "{headline}");
        assert_eq!(live(&house), ("shop-2".to_owned(), since), "{expected}");
    }
    let late = alert("firing", since.after(Span::from_millis(2)), &none);
    let output = told(&house, 0, &late, &["--within", "1ms"]);
    assert!(output.stdout.contains("more than 1ms"), "{}", output.stdout);
    assert_eq!(live(&house).0, "shop-2");
    assert!(house.state()["hold"].is_null());
    assert_eq!(house.records().len(), records);
}

#[test]
fn what_is_no_notification_is_refused() {
    let house = house(&["1", "2"]);
    let (_, since) = live(&house);
    let ahead = liftlock_io::clock::now().after(Span::seconds(600));
    let mut other = alert("firing", since, &json!({}));
    other["alerts"][0]["status"] = "pending".into();
    let cases = [
        ("`pending`", 3, other, vec![]),
        ("`status`", 3, json!({ "action": "push" }), vec![]),
        ("lies ahead", 3, alert("firing", ahead, &json!({})), vec![]),
        // One person's word is no monitor's.
        (
            "--break-glass",
            2,
            alert("firing", since, &json!({})),
            vec!["--break-glass", "--reason", "x"],
        ),
        (
            "--detected-at",
            2,
            alert("firing", since, &json!({})),
            vec!["--detected-at", "2026-01-05T08:00:00Z"],
        ),
    ];
    for (expected, code, notification, more) in cases {
        let output = told(&house, code, &notification, &more);
        assert!(output.stderr.contains(expected), "{}", output.stderr);
        assert_eq!(live(&house).0, "shop-2");
    }
    let large = json!({ "pad": "x".repeat(1024 * 1024) });
    let output = told(&house, 3, &large, &[]);
    assert!(output.stderr.contains("alert.json"), "{}", output.stderr);
}

#[test]
fn the_same_alert_ten_times_gives_one_way_back() {
    let house = house(&["1", "2", "3"]);
    let (_, since) = live(&house);
    let labels = json!({
        "alertname": "High\n::error::`$(touch owned)`", "liftlock_release": "shop-3",
        "liftlock_environment": "production",
    });
    let firing = alert("firing", since, &labels);
    let more = ["--reason", "by the monitor", "--within", "1h"];
    let dry = told(&house, 0, &firing, &[&more[..], &["--dry-run"]].concat());
    assert!(dry.stdout.contains("back to shop-2"), "{}", dry.stdout);
    assert_eq!(live(&house).0, "shop-3");
    let result = told(&house, 0, &firing, &more).json().unwrap();
    assert_eq!(
        result["detail"]["outcome"]["plan"]["release"]["id"],
        "shop-2"
    );
    let (id, restored) = live(&house);
    assert_eq!(id, "shop-2");
    let hold = house.state()["hold"]["reason"].clone();
    assert_eq!(hold, "by the monitor: High ::error::`$(touch owned)`");
    let records = house.records();
    let ended = records
        .iter()
        .find(|record| record["kind"] == "rollback-finished");
    let detected = &ended.unwrap()["detail"]["detected_at"];
    assert_eq!(detected.as_str().unwrap(), since.to_string());
    for _ in 0..9 {
        told(&house, 0, &firing, &more);
    }
    assert_eq!(
        (finished(&house), live(&house)),
        (1, ("shop-2".to_owned(), restored))
    );
    // Nor does a later one, nor once the hold is lifted: a person decides.
    let later = alert("firing", restored, &json!({}));
    told(&house, 0, &later, &[]);
    let lift = ["lift", "--environment", "production", "--reason", "mended"];
    house.expect(0, "rollback", &lift).unwrap();
    for notification in [&firing, &later] {
        told(&house, 0, notification, &[]);
        assert_eq!((finished(&house), live(&house).0), (1, "shop-2".to_owned()));
    }
    // What goes up then is left again.
    house.release("4").unwrap();
    house.promote(0, "4").unwrap();
    told(&house, 0, &alert("firing", live(&house).1, &json!({})), &[]);
    assert_eq!((finished(&house), live(&house).0), (2, "shop-2".to_owned()));
}

#[test]
fn an_alert_goes_on_with_a_rollback_that_was_cut_off() {
    let house = house(&["1", "2"]);
    let (_, since) = live(&house);
    let weights = house.text("weights.json");
    std::fs::remove_file(house.path("weights.json")).unwrap();
    std::fs::create_dir(house.path("weights.json")).unwrap();
    let firing = alert("firing", since, &json!({}));
    told(&house, 16, &firing, &[]);
    std::fs::remove_dir(house.path("weights.json")).unwrap();
    house.write("weights.json", weights).unwrap();
    // What is resolved changes nothing, not even that.
    told(&house, 0, &alert("resolved", since, &json!({})), &[]);
    assert!(house.state()["run"]["verdict"].is_null());
    told(&house, 10, &firing, &[]);
    assert!(!house.state()["run"]["verdict"].is_null());
}
