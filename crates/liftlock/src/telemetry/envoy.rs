//! The counters of Envoy's administration interface, `/stats?format=json`
//! (<https://www.envoyproxy.io/docs/envoy/latest/operations/admin>).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::{Error, json, status, unreadable};
use super::template::{Language, Template};

const SERVICE: &str = "Envoy";

/// The most counters that are added up.
const MOST: usize = 16;

type Labels = BTreeMap<String, String>;

/// Names of counters such as `cluster.{slot}.upstream_rq_total`, with more of
/// them to add after a `+`.
#[derive(Clone, Debug)]
pub struct Query(Template);

const LANGUAGE: Language = Language {
    service: SERVICE,
    allowed: "names of clusters have letters, digits, `-`, `_`, `.`, `|` and `/` here",
    letter: |letter| letter.is_ascii_alphanumeric() || "_-.|/".contains(letter),
};

impl Query {
    /// Parses a query.
    ///
    /// # Errors
    ///
    /// Fails on anything but names.
    pub fn new(field: &'static str, text: &str) -> Result<Self, Error> {
        let template = Template::new(field, text, LANGUAGE)?;
        let bare = text.trim().replace("{slot}", "x");
        let fits = |name: &str| !name.is_empty() && name.chars().all(LANGUAGE.letter);
        let names: Vec<&str> = bare.split('+').collect();
        if names.iter().all(|name| fits(name)) && names.len() <= MOST {
            return Ok(Self(template));
        }
        Err(Error::Query {
            field,
            reason: "is no name such as cluster.{slot}.upstream_rq_5xx".to_owned(),
        })
    }

    /// Whether the query tells slots apart.
    #[must_use]
    pub fn has_slot(&self) -> bool {
        self.0.has_slot()
    }

    /// The names of the counters of one slot.
    ///
    /// # Errors
    ///
    /// Fails on a slot that is no name of a cluster.
    pub fn about(&self, slot: &str) -> Result<Vec<String>, Error> {
        let text = self.0.about(slot)?;
        Ok(text.split('+').map(str::to_owned).collect())
    }
}

/// The regular expression that picks exactly these names.
#[must_use]
pub fn filter(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| regex_lite::escape(name)).collect();
    format!("^({})$", names.join("|"))
}

#[derive(Deserialize)]
struct Page {
    stats: Vec<Stat>,
}

/// Histograms stand in one object without a name.
#[derive(Deserialize)]
struct Stat {
    name: Option<String>,
    #[serde(default)]
    value: serde_json::Value,
}

/// The values of each list of names; those that Envoy does not have are left out.
///
/// # Errors
///
/// Fails on another status than 200, and on anything but the page.
pub fn parse<const N: usize>(
    code: u16,
    body: &[u8],
    wanted: [&[String]; N],
) -> Result<[Vec<(Labels, f64)>; N], Error> {
    status(SERVICE, code, body)?;
    let page: Page = json(SERVICE, body)?;
    let mut found = [const { Vec::new() }; N];
    for stat in page.stats {
        let Some(name) = stat.name else { continue };
        for (into, names) in found.iter_mut().zip(wanted) {
            if !names.contains(&name) {
                continue;
            }
            let value = stat
                .value
                .as_f64()
                .ok_or_else(|| unreadable(SERVICE, &format!("`{name}` has no number")))?;
            into.push(([("__name__".to_owned(), name.clone())].into(), value));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Explain as _, Kind};

    const PAGE: &str = r#"{"stats":[
        {"name":"cluster.v2.upstream_rq_5xx","value":3},
        {"name":"cluster.v2.upstream_rq_total","value":120},
        {"name":"cluster.v22.upstream_rq_total","value":9},
        {"name":"cluster.v2.text","value":"words"},
        {"histograms":{"supported_quantiles":[0,25],"computed_quantiles":[]}}]}"#;

    fn read(body: &str, query: &str) -> Result<Vec<f64>, Error> {
        let names = Query::new("total", query)?.about("v2")?;
        let [found] = parse(200, body.as_bytes(), [&names])?;
        Ok(found.into_iter().map(|(_, value)| value).collect())
    }

    #[test]
    fn counters_are_read_by_their_whole_name() {
        assert_eq!(
            read(PAGE, "cluster.{slot}.upstream_rq_total").unwrap(),
            [120.0]
        );
        let both = "cluster.{slot}.upstream_rq_5xx+cluster.{slot}.upstream_rq_total";
        assert_eq!(read(PAGE, both).unwrap(), [3.0, 120.0]);
        assert!(
            read(PAGE, "cluster.other.upstream_rq_total")
                .unwrap()
                .is_empty()
        );
        let names = Query::new("total", both).unwrap().about("v.2").unwrap();
        assert!(filter(&names).starts_with(r"^(cluster\.v\.2\.upstream_rq_5xx|"));
    }

    #[test]
    fn what_is_no_page_is_no_count() {
        for body in [
            "",
            "<html>",
            "{}",
            "[]",
            r#"{"stats":[{"name":"cluster.v2.text""#,
        ] {
            let error = read(body, "cluster.{slot}.text").unwrap_err();
            assert_eq!(error.kind(), Kind::Blind, "{body}");
        }
        assert!(read(PAGE, "cluster.{slot}.text").is_err());
        for query in ["", "cluster.*", "a+", "a b"] {
            assert!(Query::new("bad", query).is_err(), "{query}");
        }
        for slot in ["", "a\"b", "a\nb", ".*", "a+b"] {
            let query = Query::new("bad", "cluster.{slot}.x").unwrap();
            assert!(query.about(slot).is_err(), "{slot:?}");
        }
    }
}
