//! What a monitor says, and whether it is about the release that is live:
//! notifications as Alertmanager's webhook sends them (version 4), and Grafana's
//! (version 1), which has the same fields here. Both grow, so what is not known
//! is passed over; what is decided on is not.

mod judge;

use serde::Deserialize;

use crate::ci;
use crate::json;
use crate::time::Time;

pub use judge::{Doubt, Noticed, Ruling, Scene, judge, judge_waiting, up_since};

/// The most bytes of a notification. GitHub takes 64 KiB in a dispatch and adds
/// the repository and its sender.
pub const LARGEST: u64 = 1024 * 1024;

/// The most alerts in one notification.
const MOST_ALERTS: usize = 1_000;

/// The most letters that are told of a label.
const LONGEST_TOLD: usize = 120;

/// The versions of the format: Alertmanager's and Grafana's.
const VERSIONS: [&str; 2] = ["4", "1"];

/// Whether an alert, or any in a notification, is there now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is.
    Firing,
    /// It was.
    Resolved,
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Whether it is there now.
    pub status: Status,
    /// What it is called, as it may be shown: one line, not long.
    pub name: String,
    /// When it began.
    pub starts_at: Time,
    /// The release that it is about, by id or digest, where it says so.
    pub release: Option<String>,
    /// The service that it is about, where it says so.
    pub service: Option<String>,
    /// The environment that it is about, where it says so.
    pub environment: Option<String>,
    /// Whether it says that the monitor saw nothing, rather than a fault.
    pub blind: bool,
}

/// The alerts of one notification, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification(pub Vec<Alert>);

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    client_payload: Option<Payload>,
}

#[derive(Deserialize)]
struct Payload {
    alert: Raw,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    version: Option<String>,
    status: Status,
    alerts: Vec<RawAlert>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawAlert {
    status: Status,
    labels: Labels,
    starts_at: Time,
}

#[derive(Deserialize)]
struct Labels {
    #[serde(default)]
    alertname: Option<String>,
    #[serde(default)]
    liftlock_release: Option<String>,
    #[serde(default)]
    liftlock_service: Option<String>,
    #[serde(default)]
    liftlock_environment: Option<String>,
}

impl Notification {
    /// Reads a notification: as the monitor sends it, which is what GitLab keeps
    /// of a trigger, or in `client_payload.alert` of an event of GitHub.
    ///
    /// # Errors
    ///
    /// Fails on malformed JSON, on another version or status, on none or too many
    /// alerts, and where the notification and its alerts contradict each other.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let event: Event = json::parse(bytes)?;
        let raw = match event.client_payload {
            Some(payload) => payload.alert,
            None => json::parse(bytes)?,
        };
        if let Some(version) = raw.version.filter(|one| !VERSIONS.contains(&one.as_str())) {
            return Err(ParseError::Version(told(&version)));
        }
        if raw.alerts.len() > MOST_ALERTS {
            return Err(ParseError::TooMany(raw.alerts.len()));
        }
        let firing = raw.alerts.iter().any(|one| one.status == Status::Firing);
        match (raw.status, firing) {
            _ if raw.alerts.is_empty() => Err(ParseError::Empty),
            (Status::Firing, false) => Err(ParseError::Contradiction("firing", "no")),
            (Status::Resolved, true) => Err(ParseError::Contradiction("resolved", "some")),
            (Status::Firing, true) | (Status::Resolved, false) => {
                Ok(Self(raw.alerts.into_iter().map(RawAlert::read).collect()))
            }
        }
    }
}

impl Notification {
    /// Whether any alert in it is there now.
    #[must_use]
    pub fn fires(&self) -> bool {
        self.0.iter().any(|alert| alert.status == Status::Firing)
    }
}

impl RawAlert {
    fn read(self) -> Alert {
        // To Prometheus an empty label is none.
        let given = |label: Option<String>| label.filter(|value| !value.is_empty());
        let name = given(self.labels.alertname);
        // What Grafana raises by itself where a rule got no data or could not ask.
        let unseen = ["DatasourceNoData", "DatasourceError"];
        Alert {
            status: self.status,
            blind: name.as_deref().is_some_and(|one| unseen.contains(&one)),
            name: name.map_or_else(|| "without a name".to_owned(), |name| told(&name)),
            starts_at: self.starts_at,
            release: given(self.labels.liftlock_release),
            service: given(self.labels.liftlock_service),
            environment: given(self.labels.liftlock_environment),
        }
    }
}

/// A label as it may be shown: it is somebody else's text.
fn told(label: &str) -> String {
    let short: String = label.chars().take(LONGEST_TOLD).collect();
    let cut = if short.len() < label.len() { "…" } else { "" };
    format!("{}{cut}", ci::line(&short).trim())
}

/// The bytes are no notification.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Malformed or of another shape.
    #[error(transparent)]
    Json(#[from] json::ParseError),
    /// Of a format that came later.
    #[error("`version` {0} is neither 4, Alertmanager's, nor 1, Grafana's")]
    Version(String),
    /// It has nothing to decide on.
    #[error("it has no alert")]
    Empty,
    /// More alerts than anybody looks at.
    #[error("{0} alerts are more than the {MOST_ALERTS} a notification may have")]
    TooMany(usize),
    /// It says one thing, and its alerts another.
    #[error("it says that it is {0}, and {1} alert of it is firing")]
    Contradiction(&'static str, &'static str),
    /// Its time is not here yet.
    #[error("the alert {name} begins at {at}, which lies ahead of this clock")]
    Ahead {
        /// What it is called.
        name: String,
        /// When it begins.
        at: Time,
    },
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// As in the documentation of Alertmanager's `webhook_config`.
    pub(in super::super) const ALERTMANAGER: &str = r#"{
        "receiver": "liftlock", "status": "firing", "notification_reason": "new",
        "alerts": [
            { "status": "firing",
              "labels": { "alertname": "HighErrors", "liftlock_release": "shop-2", "pod": "a" },
              "annotations": { "summary": "x" }, "startsAt": "2026-11-27T12:00:00.123456789Z",
              "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://p/", "fingerprint": "1a30" },
            { "status": "resolved", "labels": { "alertname": "Slow", "liftlock_release": "" },
              "annotations": {}, "startsAt": "2026-11-27T13:00:00+02:00",
              "endsAt": "2026-11-27T12:30:00Z", "generatorURL": "", "fingerprint": "2b" }
        ],
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {},
        "externalURL": "http://a:9093", "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0
    }"#;

    fn refused(text: &str) -> String {
        let error = Notification::parse(text.as_bytes()).unwrap_err();
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", cause.unwrap_or_default())
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let change = |from: &str, to: &str| {
            assert!(ALERTMANAGER.contains(from), "{from}");
            ALERTMANAGER.replace(from, to)
        };
        let cases = [
            (
                "no JSON",
                "status=firing".to_owned(),
                "not the expected JSON",
            ),
            (
                "an event without one",
                r#"{"client_payload":{}}"#.to_owned(),
                "`alert`",
            ),
            (
                "another event",
                r#"{"action":"created"}"#.to_owned(),
                "`status`",
            ),
            ("status", change("firing\"", "pending\""), "`pending`"),
            ("version", change("\"4\"", "\"5\""), "`version` 5"),
            (
                "no time",
                change("2026-11-27T12:00:00.123456789Z", "soon"),
                "moment",
            ),
            ("a number", change("\"shop-2\"", "1.10"), "the number 1.1"),
            (
                "no alert",
                r#"{"status":"firing","alerts":[]}"#.to_owned(),
                "no alert",
            ),
            (
                "nothing fires",
                change(
                    "\"firing\",\n              \"labels",
                    "\"resolved\", \"labels",
                ),
                "says that it is firing",
            ),
            (
                "something does",
                change(
                    "\"status\": \"firing\", \"notif",
                    "\"status\": \"resolved\", \"notif",
                ),
                "says that it is resolved",
            ),
        ];
        for (name, text, expected) in cases {
            let said = refused(&text);
            assert!(said.contains(expected), "{name}: {said}");
        }
        let one = r#"{"status":"firing","labels":{},"startsAt":"2026-11-27T12:00:00Z"}"#;
        let many = vec![one; MOST_ALERTS + 1].join(",");
        let many = format!(r#"{{"status":"firing","alerts":[{many}]}}"#);
        assert!(refused(&many).contains("1001 alerts"));
    }

    #[test]
    fn alertmanager_grafana_and_an_event_say_the_same() {
        let read = |text: &str| Notification::parse(text.as_bytes()).unwrap();
        let alert = |status, name: &str, at: &str, release: Option<&str>| Alert {
            status,
            name: name.to_owned(),
            starts_at: at.parse().unwrap(),
            release: release.map(str::to_owned),
            service: None,
            environment: None,
            blind: false,
        };
        let expected = Notification(vec![
            alert(
                Status::Firing,
                "HighErrors",
                "2026-11-27T12:00:00.123Z",
                Some("shop-2"),
            ),
            alert(Status::Resolved, "Slow", "2026-11-27T11:00:00Z", None),
        ]);
        assert_eq!(read(ALERTMANAGER), expected);
        let grafana = ALERTMANAGER
            .replace(
                "\"version\": \"4\"",
                "\"version\": \"1\", \"orgId\": 1, \"state\": \"alerting\"",
            )
            .replace(
                "\"annotations\": {}",
                "\"values\": { \"B\": 44.2 }, \"annotations\": {}",
            );
        assert_eq!(read(&grafana), expected);
        let event = format!(
            r#"{{"action":"liftlock-alert","branch":"main","client_payload":{{"alert":{ALERTMANAGER}}}}}"#
        );
        assert_eq!(read(&event), expected);
    }

    /// What the notifier of Alertmanager 0.35.0 sends by itself, and with
    /// `payload: { event_type: liftlock-alert, client_payload: { alert: '{{ toJson . }}' } }`.
    #[test]
    fn what_alertmanager_sent_is_read() {
        let sent = include_bytes!("../testdata/alertmanager.json");
        let by_itself = Notification::parse(sent).unwrap();
        let expected = Alert {
            status: Status::Firing,
            name: "High: errors".to_owned(),
            starts_at: "2026-11-27T12:00:00.112Z".parse().unwrap(),
            release: Some("1.10".to_owned()),
            service: None,
            environment: None,
            blind: false,
        };
        assert_eq!(by_itself, Notification(vec![expected]));
        let sent = include_bytes!("../testdata/alertmanager-dispatch.json");
        assert_eq!(Notification::parse(sent).unwrap(), by_itself);
    }

    #[test]
    fn a_name_is_shown_as_one_short_line() {
        let text = |name: &str| {
            let name = serde_json::to_string(name).unwrap();
            format!(
                r#"{{"status":"firing","alerts":[{{"status":"firing","labels":{{"alertname":{name}}},"startsAt":"2026-11-27T12:00:00Z"}}]}}"#
            )
        };
        let name = |given: &str| {
            let read = Notification::parse(text(given).as_bytes()).unwrap();
            read.0[0].name.clone()
        };
        assert_eq!(
            name("a\n::set-output name=x::y"),
            "a ::set-output name=x::y"
        );
        assert_eq!(name("::add-mask::x"), "| ::add-mask::x");
        assert_eq!(name("\u{202e}a\u{1b}[2K"), "a [2K");
        assert_eq!(name(""), "without a name");
        assert_eq!(
            name(&"ä".repeat(500)),
            format!("{}…", "ä".repeat(LONGEST_TOLD))
        );
    }
}
