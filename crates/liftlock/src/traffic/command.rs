//! What a team's own command for traffic is asked, and what it answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::target::Slots;
use crate::digest::Digest;
use crate::json;
use crate::name::Name;
use crate::percent::Percent;

/// The version of both documents.
pub const VERSION: u32 = 1;

/// What the command reads on standard input.
#[derive(Clone, Debug, Serialize)]
pub struct Question<'a> {
    /// 1.
    pub schema_version: u32,
    /// The service.
    pub service: &'a Name,
    /// The environment.
    pub environment: &'a Name,
    /// Which slot has which role.
    pub slots: &'a Slots,
    /// What is to be done; absent when it is asked how requests are split.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order<'a>>,
}

/// How requests are to be split, and by whom.
#[derive(Clone, Debug, Serialize)]
pub struct Order<'a> {
    /// Slot → hundredths of a percent; 10,000 in all.
    pub weights: BTreeMap<&'a Name, u16>,
    /// The plan's id.
    pub plan: Digest,
    /// The release that goes up or comes back.
    pub release: Release<'a>,
    /// Grows with each owner of the environment: whoever can, refuses a smaller one.
    pub fence: u64,
}

/// A release as a command knows it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Release<'a> {
    /// What people call it.
    pub id: &'a str,
    /// What it is.
    pub digest: Digest,
}

/// What the command prints when it is asked how requests are split.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// 1.
    pub schema_version: u32,
    /// Slot → hundredths of a percent, of both slots.
    pub weights: BTreeMap<Name, u16>,
    /// Slot → how many servers are healthy, of both slots, where it is known.
    #[serde(default)]
    pub healthy: Option<BTreeMap<Name, u32>>,
}

/// A split in the words of a command.
#[must_use]
pub fn points(shares: &BTreeMap<Name, Percent>) -> BTreeMap<&Name, u16> {
    let pairs = shares.iter();
    pairs
        .map(|(slot, share)| (slot, share.basis_points()))
        .collect()
}

/// Reads what the command printed about two slots.
///
/// # Errors
///
/// Fails on anything but the shares of exactly these slots.
pub fn parse(bytes: &[u8], slots: &Slots) -> Result<Split, ParseError> {
    let split: Split = json::parse(bytes)?;
    if split.schema_version != VERSION {
        return Err(ParseError::Version(split.schema_version));
    }
    let both = |names: Vec<&Name>| {
        let mut wanted = vec![&slots.stable, &slots.canary];
        wanted.sort();
        names == wanted
    };
    if !both(split.weights.keys().collect()) {
        return Err(ParseError::Slots("weights"));
    }
    let healthy = split.healthy.as_ref();
    if healthy.is_some_and(|healthy| !both(healthy.keys().collect())) {
        return Err(ParseError::Slots("healthy"));
    }
    match split
        .weights
        .values()
        .find(|points| **points > Percent::FULL.basis_points())
    {
        Some(points) => Err(ParseError::Share(*points)),
        None => Ok(split),
    }
}

/// The command did not say how requests are split.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Not the document.
    #[error("the command did not print how requests are split")]
    Json(#[from] json::ParseError),
    /// A document of another version.
    #[error("the command speaks version {0} and not 1")]
    Version(u32),
    /// Slots are missing, or there are others.
    #[error("`{0}` has to name both slots and nothing else")]
    Slots(&'static str),
    /// More than everything.
    #[error("a weight of {0} is more than 10000 hundredths of a percent")]
    Share(u16),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots() -> Slots {
        Slots {
            stable: "green".parse().unwrap(),
            canary: "blue".parse().unwrap(),
        }
    }

    #[test]
    fn a_question_has_an_order_or_nothing_of_it() {
        let (service, environment) = ("shop".parse().unwrap(), "production".parse().unwrap());
        let slots = slots();
        let mut question = Question {
            schema_version: VERSION,
            service: &service,
            environment: &environment,
            slots: &slots,
            order: None,
        };
        let text = |question: &Question<'_>| serde_json::to_string(question).unwrap();
        let head = r#"{"schema_version":1,"service":"shop","environment":"production","slots":{"stable":"green","canary":"blue"}"#;
        assert_eq!(text(&question), format!("{head}}}"));
        let shares = BTreeMap::from([
            ("blue".parse().unwrap(), Percent::ONE),
            ("green".parse().unwrap(), Percent::ONE.rest()),
        ]);
        let digest = Digest::of(b"x");
        question.order = Some(Order {
            weights: points(&shares),
            plan: digest,
            release: Release {
                id: "shop-2",
                digest,
            },
            fence: 7,
        });
        let expected = format!(
            r#"{head},"weights":{{"blue":100,"green":9900}},"plan":"{digest}","release":{{"id":"shop-2","digest":"{digest}"}},"fence":7}}"#
        );
        assert_eq!(text(&question), expected);
    }

    #[test]
    fn only_shares_of_both_slots_are_an_answer() {
        let read = |text: &str| parse(text.as_bytes(), &slots());
        let split = read(r#"{"schema_version":1,"weights":{"blue":0,"green":10000}}"#).unwrap();
        assert_eq!(split.healthy, None);
        let healthy = r#"{"schema_version":1,"weights":{"blue":0,"green":10000},"healthy":{"blue":0,"green":4}}"#;
        assert_eq!(read(healthy).unwrap().healthy.unwrap().len(), 2);
        for bad in [
            "",
            "{}",
            r#"{"schema_version":2,"weights":{"blue":0,"green":10000}}"#,
            r#"{"schema_version":1,"weights":{"green":10000}}"#,
            r#"{"schema_version":1,"weights":{"blue":0,"green":10000,"red":0}}"#,
            r#"{"schema_version":1,"weights":{"blue":0,"green":10001}}"#,
            r#"{"schema_version":1,"weights":{"blue":-1,"green":10000}}"#,
            r#"{"schema_version":1,"weights":{"blue":0.5,"green":9999.5}}"#,
            r#"{"schema_version":1,"weights":{"blue":0,"green":10000},"healthy":{"green":4}}"#,
            r#"{"schema_version":1,"weights":{"blue":0,"green":10000},"more":1}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
