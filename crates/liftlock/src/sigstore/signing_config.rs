//! Where to sign: certificate authorities, logs and timestamp authorities, and
//! how many of each (sigstore/protobuf-specs, `SigningConfig` v0.2).

use serde::Deserialize;

use super::anchors::Range;
use crate::failure::{Explain, Kind};
use crate::json;
use crate::time::Time;

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.signingconfig.v0.2+json";

/// The versions of each interface that we speak, newest last.
const AUTHORITY_VERSIONS: &[u32] = &[1];
const LOG_VERSIONS: &[u32] = &[1, 2];
/// Those of them that promise an entry.
const PROMISING: &[u32] = &[1];
const TIMESTAMP_VERSIONS: &[u32] = &[1];

/// The most services of one kind: choosing compares each with each.
const MOST: usize = 256;

/// Where to sign.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SigningConfig {
    authorities: Vec<Service>,
    logs: Vec<Service>,
    log_rule: Rule,
    timestamp_authorities: Vec<Service>,
    timestamp_rule: Rule,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its address; for timestamps the whole one, else its base.
    pub url: String,
    /// The version of its interface.
    pub version: u32,
    /// Who runs it.
    pub operator: String,
    valid: Range,
}

/// How many services have to take part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// One, whichever answers.
    #[default]
    Any,
    /// Every one.
    All,
    /// That many.
    Exact(usize),
}

/// Services in the order in which they are to be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// One of each operator.
    pub services: Vec<Service>,
    /// How many of them are needed.
    pub needed: usize,
}

impl SigningConfig {
    /// Reads a signing config.
    ///
    /// # Errors
    ///
    /// Fails on another media type, on malformed JSON, on unknown rules and on
    /// too many services.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let wire: Wire = json::parse(bytes)?;
        if wire.media_type != MEDIA_TYPE {
            return Err(ParseError::MediaType(wire.media_type));
        }
        let services = |all: Vec<WireService>| -> Result<Vec<Service>, ParseError> {
            if all.len() > MOST {
                return Err(ParseError::TooMany);
            }
            all.into_iter().map(WireService::read).collect()
        };
        Ok(Self {
            authorities: services(wire.ca_urls)?,
            logs: services(wire.rekor_tlog_urls)?,
            log_rule: wire.rekor_tlog_config.rule()?,
            timestamp_authorities: services(wire.tsa_urls)?,
            timestamp_rule: wire.tsa_config.rule()?,
        })
    }

    /// Whether a service belongs to the public instance, whose logs the whole
    /// world reads: its hosts are those below `sigstore.dev`.
    #[must_use]
    pub fn is_public(&self) -> bool {
        let all = [&self.authorities, &self.logs, &self.timestamp_authorities];
        all.into_iter().flatten().any(|service| {
            let name = host(&service.url).unwrap_or_default().to_ascii_lowercase();
            name == "sigstore.dev" || name.ends_with(".sigstore.dev")
        })
    }

    /// The certificate authorities to ask, one after the other.
    ///
    /// # Errors
    ///
    /// Fails when none counts now.
    pub fn authorities(&self, now: Time) -> Result<Chosen, ParseError> {
        let chosen = choose(
            "caUrls",
            &self.authorities,
            Rule::Any,
            (now, AUTHORITY_VERSIONS),
        )?;
        if chosen.services.is_empty() {
            return Err(ParseError::TooFew {
                what: "caUrls",
                found: 0,
                needed: 1,
            });
        }
        Ok(chosen)
    }

    /// The logs to write to; none where the instance has none.
    ///
    /// # Errors
    ///
    /// Fails when fewer count now than the rule asks for.
    pub fn logs(&self, now: Time) -> Result<Chosen, ParseError> {
        choose(
            "rekorTlogUrls",
            &self.logs,
            self.log_rule,
            (now, LOG_VERSIONS),
        )
    }

    /// The same, of logs of v1 alone: only those promise an entry, which older
    /// formats hold in place of a proof.
    ///
    /// # Errors
    ///
    /// As [`Self::logs`].
    pub fn promising_logs(&self, now: Time) -> Result<Chosen, ParseError> {
        choose("rekorTlogUrls", &self.logs, self.log_rule, (now, PROMISING))
    }

    /// The timestamp authorities to ask; none where the instance has none.
    ///
    /// # Errors
    ///
    /// Fails when fewer count now than the rule asks for.
    pub fn timestamps(&self, now: Time) -> Result<Chosen, ParseError> {
        let all = &self.timestamp_authorities;
        choose(
            "tsaUrls",
            all,
            self.timestamp_rule,
            (now, TIMESTAMP_VERSIONS),
        )
    }
}

/// The newest instance of the highest version of each operator.
fn choose(
    what: &'static str,
    all: &[Service],
    rule: Rule,
    (now, versions): (Time, &[u32]),
) -> Result<Chosen, ParseError> {
    let mut usable: Vec<&Service> = all
        .iter()
        .filter(|one| one.valid.contains(now) && versions.contains(&one.version))
        .collect();
    usable.sort_by_key(|one| {
        (
            std::cmp::Reverse(one.version),
            std::cmp::Reverse(one.valid.start),
        )
    });
    let mut services: Vec<Service> = Vec::new();
    for one in usable {
        if services.iter().all(|other| other.operator != one.operator) {
            services.push(one.clone());
        }
    }
    let needed = match rule {
        Rule::Any => usize::from(!all.is_empty()),
        Rule::All => services.len().max(usize::from(!all.is_empty())),
        Rule::Exact(count) => count,
    };
    if services.len() < needed {
        return Err(ParseError::TooFew {
            what,
            found: services.len(),
            needed,
        });
    }
    Ok(Chosen { services, needed })
}

/// A trusted root and a signing config in one file (`ClientTrustConfig` v0.1),
/// each as its own bytes.
///
/// # Errors
///
/// Fails on another media type and on malformed JSON.
pub fn split(bytes: &[u8]) -> Result<(Vec<u8>, Vec<u8>), ParseError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Both {
        media_type: String,
        trusted_root: serde_json::Value,
        signing_config: serde_json::Value,
    }
    let both: Both = json::parse_open(bytes)?;
    if both.media_type != "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json" {
        return Err(ParseError::MediaType(both.media_type));
    }
    let text = |value: serde_json::Value| value.to_string().into_bytes();
    Ok((text(both.trusted_root), text(both.signing_config)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    media_type: String,
    #[serde(default)]
    ca_urls: Vec<WireService>,
    #[serde(default)]
    rekor_tlog_urls: Vec<WireService>,
    #[serde(default)]
    tsa_urls: Vec<WireService>,
    #[serde(default)]
    rekor_tlog_config: WireRule,
    #[serde(default)]
    tsa_config: WireRule,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireService {
    url: String,
    major_api_version: u32,
    valid_for: WireRange,
    #[serde(default)]
    operator: String,
}

#[derive(Deserialize)]
struct WireRange {
    start: Time,
    end: Option<Time>,
}

impl WireService {
    fn read(self) -> Result<Service, ParseError> {
        if host(&self.url).is_none() {
            return Err(ParseError::Address(self.url));
        }
        Ok(Service {
            url: self.url.trim_end_matches('/').to_owned(),
            version: self.major_api_version,
            operator: self.operator,
            valid: Range {
                start: self.valid_for.start,
                end: self.valid_for.end,
            },
        })
    }
}

/// The host of a plain address, without the dot of the DNS root. Whatever an
/// HTTP client could read as another host than is seen here is no address.
fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://");
    let rest = rest.or_else(|| url.strip_prefix("http://"))?;
    let plain = |letter: char| letter.is_ascii_graphic() && !matches!(letter, '?' | '#' | '\\');
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = match authority.rfind(']') {
        Some(end) => authority.split_at(end.saturating_add(1)),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let in_host = |letter: char| letter.is_ascii_alphanumeric() || "-._:[]".contains(letter);
    let in_port = |letter: char| letter.is_ascii_digit() || letter == ':';
    let good = rest.chars().all(plain) && host.chars().all(in_host) && port.chars().all(in_port);
    let host = host.strip_suffix('.').unwrap_or(host);
    (good && !host.is_empty()).then_some(host)
}

#[derive(Default, Deserialize)]
struct WireRule {
    #[serde(default)]
    selector: String,
    #[serde(default)]
    count: usize,
}

impl WireRule {
    fn rule(&self) -> Result<Rule, ParseError> {
        match (self.selector.as_str(), self.count) {
            ("" | "ANY", _) => Ok(Rule::Any),
            ("ALL", _) => Ok(Rule::All),
            ("EXACT", 1..) => Ok(Rule::Exact(self.count)),
            _ => Err(ParseError::Rule(self.selector.clone())),
        }
    }
}

/// The bytes are no signing config that we can use.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Malformed.
    #[error("not a signing config")]
    Json(#[from] json::ParseError),
    /// Another format, or a newer version of it.
    #[error("`mediaType` `{0}` is not one that this version reads")]
    MediaType(String),
    /// A rule that nobody knows.
    #[error("the selector `{0}` is not one of ANY, ALL and EXACT with a count")]
    Rule(String),
    /// More than any instance has.
    #[error("more than {MOST} services of one kind in the signing config")]
    TooMany,
    /// Neither `http` nor `https`, or more than host, port and path.
    #[error("the service `{0}` is no plain http or https address")]
    Address(String),
    /// The rule cannot be kept.
    #[error("`{what}` names {found} usable services now, {needed} are needed")]
    TooFew {
        /// Which list.
        what: &'static str,
        /// How many count.
        found: usize,
        /// How many are needed.
        needed: usize,
    },
}

impl Explain for ParseError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(
        logs: &serde_json::Value,
        rule: &serde_json::Value,
    ) -> Result<SigningConfig, ParseError> {
        let document = serde_json::json!({
            "mediaType": MEDIA_TYPE, "rekorTlogUrls": logs, "rekorTlogConfig": rule,
        });
        SigningConfig::parse(document.to_string().as_bytes())
    }

    fn log(url: &str, version: u32, operator: &str, range: &str) -> serde_json::Value {
        let (start, end) = range.split_once("..").unwrap();
        let mut range = serde_json::json!({ "start": format!("{start}-01-01T00:00:00Z") });
        if !end.is_empty() {
            range["end"] = format!("{end}-01-01T00:00:00Z").into();
        }
        serde_json::json!({
            "url": url, "majorApiVersion": version, "operator": operator, "validFor": range,
        })
    }

    #[test]
    fn more_services_than_any_instance_has_are_refused() {
        let logs = |count: usize| {
            let all = (0..count).map(|number| log("https://a", 1, &number.to_string(), "2020.."));
            serde_json::Value::Array(all.collect())
        };
        let rule = serde_json::json!({ "selector": "ALL" });
        assert!(config(&logs(MOST), &rule).is_ok());
        let refused = config(&logs(MOST + 1), &rule);
        assert!(matches!(refused, Err(ParseError::TooMany)));
    }

    #[test]
    fn one_of_each_operator_is_chosen_newest_first() {
        let now = "2026-06-01T00:00:00Z".parse().unwrap();
        let logs = serde_json::json!([
            log("https://a1", 1, "a", "2020.."),
            log("https://a2-old", 2, "a", "2024.."),
            log("https://a2-new", 2, "a", "2025.."),
            log("https://a3", 3, "a", "2025.."),
            log("https://a2-later", 2, "a", "2027.."),
            log("https://b1", 1, "b", "2020.."),
            log("https://c1-gone", 1, "c", "2020..2025"),
        ]);
        let cases = [
            (serde_json::json!({ "selector": "ANY" }), Some(1)),
            (serde_json::json!({ "selector": "ALL" }), Some(2)),
            (
                serde_json::json!({ "selector": "EXACT", "count": 2 }),
                Some(2),
            ),
            (serde_json::json!({ "selector": "EXACT", "count": 3 }), None),
        ];
        for (rule, needed) in cases {
            let config = config(&logs, &rule).unwrap();
            if let (Ok(chosen), Some(needed)) = (config.promising_logs(now), needed) {
                let urls: Vec<&str> = chosen.services.iter().map(|one| one.url.as_str()).collect();
                assert_eq!(
                    (urls, chosen.needed),
                    (vec!["https://a1", "https://b1"], needed)
                );
            }
            let chosen = config.logs(now);
            match (chosen, needed) {
                (Ok(chosen), Some(needed)) => {
                    let urls: Vec<&str> =
                        chosen.services.iter().map(|one| one.url.as_str()).collect();
                    assert_eq!(
                        (urls, chosen.needed),
                        (vec!["https://a2-new", "https://b1"], needed)
                    );
                }
                (
                    Err(ParseError::TooFew {
                        found: 2,
                        needed: 3,
                        ..
                    }),
                    None,
                ) => {}
                (other, _) => panic!("{rule}: {other:?}"),
            }
        }
    }

    #[test]
    fn no_usable_service_is_an_error_unless_none_is_named() {
        let now = "2026-06-01T00:00:00Z".parse().unwrap();
        let gone = serde_json::json!([log("https://c", 1, "c", "2020..2025")]);
        assert!(
            config(&gone, &serde_json::json!({}))
                .unwrap()
                .logs(now)
                .is_err()
        );
        let none = config(&serde_json::json!([]), &serde_json::json!({})).unwrap();
        assert_eq!(none.logs(now).unwrap(), Chosen::default());
        assert!(none.authorities(now).is_err());
    }

    #[test]
    fn an_address_that_hides_its_host_is_none() {
        for url in [
            "ftp://rekor.sigstore.dev",
            "https://",
            "https:///rekor.sigstore.dev",
            "https://a:b@rekor.sigstore.dev",
            "https://a\\@rekor.sigstore.dev",
            "https://rekor%2Esigstore.dev",
            "https://rekor.sigstore\u{3002}dev",
            "https://rekor.sigs\ttore.dev",
            "https://rekor.sigstore.dev?a",
            "https://rekor.sigstore.dev#a",
        ] {
            let one = serde_json::json!([log(url, 1, "a", "2020..")]);
            let refused = config(&one, &serde_json::json!({}));
            assert!(matches!(refused, Err(ParseError::Address(_))), "{url}");
        }
    }

    #[test]
    fn the_public_instance_is_known_by_its_hosts() {
        for (url, public) in [
            ("https://rekor.sigstore.dev/x", true),
            ("http://REKOR.Sigstore.dev:443", true),
            ("https://rekor.sigstore.dev.", true),
            ("https://sigstore.dev.example", false),
            ("https://[::1]:8080/sigstore.dev", false),
        ] {
            let one = serde_json::json!([log(url, 1, "a", "2020..")]);
            assert_eq!(
                config(&one, &serde_json::json!({})).unwrap().is_public(),
                public
            );
        }
    }

    #[test]
    fn unknown_rules_and_addresses_are_refused() {
        let one = serde_json::json!([log("https://a", 1, "a", "2020..")]);
        for rule in ["SOME", "EXACT", "any"] {
            let rule = serde_json::json!({ "selector": rule });
            assert!(matches!(config(&one, &rule), Err(ParseError::Rule(_))));
        }
        let file = serde_json::json!([log("file:///etc", 1, "a", "2020..")]);
        assert!(matches!(
            config(&file, &serde_json::json!({})),
            Err(ParseError::Address(_))
        ));
    }
}
