//! What is told elsewhere about a request: who is needed, until when, and where
//! to answer. Nothing is taken from there.

use serde::Serialize;
use serde_json::{Value, json};

use super::break_glass::Wanted;
use super::decide::Judgement;
use super::request::Identified;
use crate::ci;
use crate::config::break_glass::Gate;
use crate::digest::Digest;
use crate::name::Name;
use crate::time::Time;
use crate::verdict::Verdict;

/// The most characters of anything that others wrote.
const LONGEST: usize = 300;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// People are asked.
    Asked,
    /// There is an outcome.
    Judged,
}

/// How the other side wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An incoming webhook of Slack, or of what speaks like it: `text` alone.
    Slack,
    /// Anybody else's: every field by its name.
    Plain,
}

impl Form {
    /// The form for a host: Slack's own hosts want Slack's.
    #[must_use]
    pub fn of(host: &str) -> Self {
        let host = host.to_ascii_lowercase();
        if ["hooks.slack.com", "hooks.slack-gov.com"].contains(&host.as_str()) {
            Self::Slack
        } else {
            Self::Plain
        }
    }
}

/// One notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// Version of this format.
    pub schema_version: u32,
    /// What happened.
    pub event: Event,
    /// How it stands: `pending`, or the outcome.
    pub verdict: Verdict,
    /// Why, on one line.
    pub why: String,
    /// The request.
    pub request: Digest,
    /// The service of the release.
    pub service: Name,
    /// Where the release is to go.
    pub environment: Name,
    /// The label of the release.
    pub release: String,
    /// The gates that the release would go past, and why, where it is not an
    /// approval that people are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<String>,
    /// How many yes are missing.
    pub still_needed: u32,
    /// Whose yes would help.
    pub who_may: Vec<Name>,
    /// When the request expires.
    pub expires_at: Time,
    /// Where to answer.
    pub link: Option<String>,
}

impl Notice {
    /// That people are asked.
    #[must_use]
    pub fn asked(asked: &Identified, who_may: Vec<Name>, link: Option<String>) -> Self {
        let quorums = asked.request.rules.iter().map(|rule| rule.quorum);
        Self {
            still_needed: quorums.fold(0, u32::saturating_add),
            who_may,
            ..Self::about(asked, (Event::Asked, Verdict::Pending), link)
        }
    }

    /// How the answers came out.
    #[must_use]
    pub fn judged(asked: &Identified, judgement: &Judgement, link: Option<String>) -> Self {
        Self {
            why: short(&judgement.why),
            still_needed: judgement.still_needed,
            ..Self::about(asked, (Event::Judged, judgement.verdict), link)
        }
    }

    fn about(asked: &Identified, (event, verdict): (Event, Verdict), link: Option<String>) -> Self {
        let request = &asked.request;
        Self {
            schema_version: 1,
            event,
            verdict,
            why: String::new(),
            request: asked.digest,
            service: request.service.clone(),
            environment: request.environment.clone(),
            release: short(&request.release.id),
            break_glass: request.break_glass.as_ref().map(past),
            still_needed: 0,
            who_may: Vec::new(),
            expires_at: request.expires_at,
            link: link.filter(|link| link.starts_with("https://") || link.starts_with("http://")),
        }
    }

    /// The JSON that is posted.
    #[must_use]
    pub fn body(&self, form: Form) -> Value {
        match form {
            Form::Slack => json!({ "text": self.text() }),
            Form::Plain => {
                // Strings, numbers and names always are JSON.
                let mut fields = serde_json::to_value(self).unwrap_or_default();
                if let Some(fields) = fields.as_object_mut() {
                    fields.insert("text".to_owned(), self.text().into());
                }
                fields
            }
        }
    }

    /// One message, in Slack's way to write: nothing in it that others wrote
    /// can be a link, a mention or another layout.
    fn text(&self) -> String {
        let release = escaped(&self.release);
        let mut text = match self.event {
            Event::Asked => {
                let names: Vec<&str> = self.who_may.iter().map(Name::as_str).collect();
                format!(
                    "May {release} go to {}? {} of {} needed until {} (UTC).",
                    self.environment,
                    self.still_needed,
                    escaped(&names.join(", ")),
                    self.expires_at
                )
            }
            Event::Judged => format!(
                "{release} to {}: {}, {}.",
                self.environment,
                self.verdict.word(),
                escaped(&self.why)
            ),
        };
        if let Some(broken) = &self.break_glass {
            text.insert_str(0, &format!("BREAK-GLASS {}. ", escaped(broken)));
        }
        if let Some(link) = &self.link {
            text.push('\n');
            text.push_str(&escaped(link));
        }
        text
    }
}

fn past(wanted: &Wanted) -> String {
    let gates: Vec<String> = wanted.past.iter().map(Gate::to_string).collect();
    short(&format!("past {}: {}", gates.join(", "), wanted.reason))
}

fn short(text: &str) -> String {
    ci::line(text).chars().take(LONGEST).collect()
}

/// Slack reads `&`, `<` and `>` as its own; they are written as entities
/// (docs.slack.dev, "Formatting message text"). Bold
/// and italic stay possible; they deceive nobody.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::request::Request;
    use super::super::toy::{name, request, wanted};
    use super::*;

    fn notice() -> Notice {
        let link = "https://github.com/acme/shop/issues/7#issuecomment-1&x=<y>".to_owned();
        Notice::asked(&request(), vec![name("alice"), name("bob")], Some(link))
    }

    #[test]
    fn it_says_who_is_needed_until_when_and_where() {
        let text = notice().text();
        for part in [
            "2 of alice, bob needed until 2026-11-24T10:00:00Z (UTC)",
            "issuecomment-1&amp;x=&lt;y&gt;",
        ] {
            assert!(text.contains(part), "{text}");
        }
        let plain = notice().body(Form::Plain);
        assert_eq!(plain["request"], request().digest.to_string());
        assert_eq!(plain["event"], "asked");
        assert_eq!(plain["who_may"], json!(["alice", "bob"]));
        let slack = notice().body(Form::Slack);
        assert_eq!(slack.as_object().unwrap().len(), 1);
    }

    #[test]
    fn what_others_wrote_mentions_and_links_nobody() {
        let mut hostile = notice();
        hostile.event = Event::Judged;
        hostile.why = short("<!channel> & <https://evil.example|ok>\r\n::error::x\u{202e}");
        let text = hostile.text();
        assert!(!text.contains('<') && !text.contains("\u{202e}"), "{text}");
        assert!(text.contains("&lt;!channel&gt; &amp;"), "{text}");
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(short(&"x".repeat(9_000)).len() <= LONGEST);
        for link in ["javascript:alert(1)", "file:///etc/passwd"] {
            let notice = Notice::asked(&request(), Vec::new(), Some(link.to_owned()));
            assert_eq!(notice.link, None);
        }
    }

    #[test]
    fn break_glass_is_told_before_anything_else() {
        let asked = Identified::new(&Request {
            break_glass: Some(Wanted {
                reason: "<!here> checkout is down".to_owned(),
                past: ["approval", "canary@staging"]
                    .map(|gate| gate.parse().unwrap())
                    .into(),
            }),
            ..wanted()
        });
        let notice = Notice::asked(&asked.unwrap(), vec![name("alice")], None);
        let text = notice.text();
        let told = "BREAK-GLASS past approval, canary@staging: &lt;!here&gt; checkout is down. May";
        assert!(text.starts_with(told), "{text}");
        assert!(notice.body(Form::Plain)["break_glass"].is_string());
        let plain = self::notice().body(Form::Plain);
        assert!(plain.get("break_glass").is_none(), "{plain}");
    }

    #[test]
    fn slack_is_known_by_its_host_alone() {
        assert_eq!(Form::of("Hooks.Slack.com"), Form::Slack);
        for host in ["slack.com.evil.example", "hooks.slack.com.", "127.0.0.1"] {
            assert_eq!(Form::of(host), Form::Plain, "{host}");
        }
    }

    #[test]
    fn an_outcome_is_told_with_its_reason() {
        let judgement = crate::json::parse::<Judgement>(
            br#"{"verdict":"fail","why":"denied by alice","counted":[],"not_counted":[],
            "rules":[],"still_needed":1,"who_may":[]}"#,
        )
        .unwrap();
        let notice = Notice::judged(&request(), &judgement, None);
        assert!(
            notice.text().ends_with("fail, denied by alice."),
            "{}",
            notice.text()
        );
    }
}
