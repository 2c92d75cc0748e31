//! Weights in a file of routes that Envoy watches
//! (<https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/rds>).

pub mod admin;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::json;
use crate::name::Name;
use crate::percent::Percent;

/// What names a split, in both ways that JSON of Envoy writes it.
const SPLIT: [&str; 2] = ["weighted_clusters", "weightedClusters"];

/// What lets values of Envoy's runtime go before the weights.
const RUNTIME: [&str; 2] = ["runtime_key_prefix", "runtimeKeyPrefix"];

/// The sum of the weights in files of before Envoy added them up by itself.
const TOTAL: [&str; 2] = ["total_weight", "totalWeight"];

/// Reads a file of routes.
///
/// # Errors
///
/// Fails on what is no `DiscoveryResponse` in JSON, and on one that is not
/// about exactly one resource: Envoy refuses others.
pub fn parse(bytes: &[u8]) -> Result<Value, Unfit> {
    let document: Value = json::parse(bytes)?;
    match document.get("resources").and_then(Value::as_array) {
        Some(resources) if resources.len() == 1 => Ok(document),
        Some(resources) => Err(Unfit::Resources(resources.len())),
        None => Err(Unfit::NoResources),
    }
}

/// The name of the routes in a file, by which Envoy asks for them.
///
/// # Errors
///
/// Fails where they have none.
pub fn name(document: &Value) -> Result<&str, Unfit> {
    let resource = document.pointer("/resources/0").ok_or(Unfit::NoName)?;
    // A resource may be wrapped in one that has a version of its own.
    let routes = resource.get("resource").unwrap_or(resource);
    let name = routes.get("name").and_then(Value::as_str);
    name.filter(|name| !name.is_empty()).ok_or(Unfit::NoName)
}

/// Sets the weights of every split between exactly these clusters, in
/// hundredths of a percent; everything else stays as it is.
///
/// # Errors
///
/// Fails where there is no such split, and where one has other weights beside
/// those of the file.
pub fn set(document: &mut Value, shares: &BTreeMap<Name, Percent>) -> Result<(), Unfit> {
    for split in found(document, shares)? {
        for cluster in clusters(split) {
            if let (Some(share), Some(cluster)) =
                (share_of(cluster, shares), cluster.as_object_mut())
            {
                cluster.insert("weight".to_owned(), share.basis_points().into());
            }
        }
        for total in TOTAL {
            if let Some(total) = split.get_mut(total) {
                *total = Percent::FULL.basis_points().into();
            }
        }
    }
    let told: Vec<String> = shares
        .iter()
        .map(|(slot, share)| format!("{slot}={share}"))
        .collect();
    if let Some(document) = document.as_object_mut() {
        // Envoy shows it in `config_dump` and its statistics.
        document.remove("versionInfo");
        document.insert("version_info".to_owned(), told.join(",").into());
    }
    Ok(())
}

/// Whether every split between these clusters has these weights.
///
/// # Errors
///
/// Fails as [`set`] does.
pub fn is_set(document: &Value, shares: &BTreeMap<Name, Percent>) -> Result<bool, Unfit> {
    let mut document = document.clone();
    let mut splits = found(&mut document, shares)?.into_iter();
    Ok(splits.all(|split| {
        clusters(split).all(|cluster| {
            let weight = cluster.get("weight").and_then(Value::as_u64);
            let share = share_of(cluster, shares);
            weight.is_some() && weight == share.map(|share| u64::from(share.basis_points()))
        })
    }))
}

/// The weights of every split between these clusters, those that are the same
/// once; a cluster without a weight has none.
///
/// # Errors
///
/// Fails as [`set`] does.
pub fn weights(
    document: &Value,
    shares: &BTreeMap<Name, Percent>,
) -> Result<BTreeSet<BTreeMap<Name, u64>>, Unfit> {
    let mut document = document.clone();
    let splits = found(&mut document, shares)?.into_iter();
    let weight = |cluster: &mut Value| {
        let name = cluster.get("name")?.as_str()?.parse().ok()?;
        let weight = cluster.get("weight").and_then(Value::as_u64);
        Some((name, weight.unwrap_or_default()))
    };
    Ok(splits
        .map(|split| clusters(split).filter_map(weight).collect())
        .collect())
}

/// Every split between exactly these slots.
fn found<'a>(
    document: &'a mut Value,
    shares: &BTreeMap<Name, Percent>,
) -> Result<Vec<&'a mut Map<String, Value>>, Unfit> {
    let mut splits = Vec::new();
    gather(document, shares, &mut splits);
    let others = |split: &Map<String, Value>| {
        let mut prefixes = RUNTIME.iter().filter_map(|field| split.get(*field));
        prefixes.any(|prefix| *prefix != Value::Null && *prefix != "")
    };
    if splits.is_empty() {
        Err(none(shares))
    } else if splits.iter().any(|split| others(split)) {
        Err(Unfit::Runtime)
    } else {
        Ok(splits)
    }
}

/// Depth is bounded by what JSON was read.
fn gather<'a>(
    value: &'a mut Value,
    shares: &BTreeMap<Name, Percent>,
    splits: &mut Vec<&'a mut Map<String, Value>>,
) {
    match value {
        Value::Array(items) => {
            for item in items {
                gather(item, shares, splits);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                let split = value.as_object();
                let split = split.filter(|_| SPLIT.contains(&name.as_str()));
                if !split.is_some_and(|split| is_ours(split, shares)) {
                    gather(value, shares, splits);
                } else if let Value::Object(split) = value {
                    splits.push(split);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn clusters(split: &mut Map<String, Value>) -> impl Iterator<Item = &mut Value> {
    let clusters = split.get_mut("clusters").and_then(Value::as_array_mut);
    clusters.into_iter().flatten()
}

fn is_ours(split: &Map<String, Value>, shares: &BTreeMap<Name, Percent>) -> bool {
    let Some(clusters) = split.get("clusters").and_then(Value::as_array) else {
        return false;
    };
    let of = |slot: &Name| {
        let named = |one: &&Value| one.get("name").and_then(Value::as_str) == Some(slot.as_str());
        clusters.iter().filter(named).count()
    };
    clusters.len() == shares.len() && shares.keys().all(|slot| of(slot) == 1)
}

fn share_of(cluster: &Value, shares: &BTreeMap<Name, Percent>) -> Option<Percent> {
    let name = cluster.get("name")?.as_str()?;
    let mut shares = shares.iter();
    shares
        .find(|(slot, _)| slot.as_str() == name)
        .map(|(_, share)| *share)
}

fn none(shares: &BTreeMap<Name, Percent>) -> Unfit {
    let names: Vec<String> = shares.keys().map(|slot| format!("`{slot}`")).collect();
    Unfit::NoSplit(names.join(" and "))
}

/// A file of routes in which there is nothing to weigh.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// Not JSON.
    #[error("the routes are not JSON")]
    Json(#[from] json::ParseError),
    /// Not what Envoy reads.
    #[error("the routes have no list `resources`: expected a `DiscoveryResponse`")]
    NoResources,
    /// As many as Envoy does not take.
    #[error("the routes have {0} resources: Envoy takes exactly one by `rds`")]
    Resources(usize),
    /// Nobody can ask for them.
    #[error("the routes have no `name`")]
    NoName,
    /// The weights in force may be others.
    #[error("a split has `runtime_key_prefix`: values of the runtime would go before its weights")]
    Runtime,
    /// No route splits between the slots.
    #[error("no route has `weighted_clusters` of exactly {0}")]
    NoSplit(String),
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shares(blue: &str) -> BTreeMap<Name, Percent> {
        let blue: Percent = blue.parse().unwrap();
        BTreeMap::from([
            ("blue".parse().unwrap(), blue),
            ("green".parse().unwrap(), blue.rest()),
        ])
    }

    fn routes(clusters: &Value) -> Value {
        json!({
            "version_info": "1",
            "resources": [{
                "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
                "name": "shop",
                "virtual_hosts": [{ "name": "shop", "domains": ["*"], "routes": [
                    { "match": { "prefix": "/static" }, "route": { "cluster": "files" } },
                    { "match": { "prefix": "/" },
                      "route": { "weighted_clusters": { "clusters": clusters }, "timeout": "3s" } },
                ] }],
            }],
        })
    }

    #[test]
    fn only_weights_and_the_version_change() {
        let before = routes(&json!([{ "name": "green", "weight": 1 }, { "name": "blue" }]));
        let mut after = before.clone();
        set(&mut after, &shares("25%")).unwrap();
        assert!(is_set(&after, &shares("25%")).unwrap());
        assert!(!is_set(&before, &shares("25%")).unwrap());
        let mut expected = routes(
            &json!([{ "name": "green", "weight": 7500 }, { "name": "blue", "weight": 2500 }]),
        );
        expected["version_info"] = "blue=25%,green=75%".into();
        assert_eq!(after, expected);
    }

    #[test]
    fn routes_without_such_a_split_are_refused() {
        for clusters in [
            json!([]),
            json!([{ "name": "blue", "weight": 1 }]),
            json!([{ "name": "blue" }, { "name": "red" }]),
            json!([{ "name": "blue" }, { "name": "green" }, { "name": "red" }]),
            json!([{ "name": "blue" }, { "name": "blue" }]),
            json!("blue"),
        ] {
            let mut document = routes(&clusters);
            assert!(set(&mut document, &shares("5%")).is_err(), "{clusters}");
            assert!(is_set(&document, &shares("5%")).is_err(), "{clusters}");
        }
        assert!(parse(b"{}").is_err());
        assert!(parse(b"").is_err());
        let mut document = routes(&json!([]));
        assert_eq!(
            name(&parse(document.to_string().as_bytes()).unwrap()).unwrap(),
            "shop"
        );
        let again = document["resources"][0].clone();
        document["resources"].as_array_mut().unwrap().push(again);
        let two = parse(document.to_string().as_bytes()).unwrap_err();
        assert!(matches!(two, Unfit::Resources(2)), "{two}");
        let error = parse(br#"{"resources":[]}"#).unwrap_err();
        assert!(matches!(error, Unfit::Resources(0)), "{error}");
    }

    #[test]
    fn weights_that_something_else_may_replace_are_refused() {
        for field in RUNTIME {
            let mut document = routes(&json!([{ "name": "blue" }, { "name": "green" }]));
            let at = "/resources/0/virtual_hosts/0/routes/1/route/weighted_clusters";
            document.pointer_mut(at).unwrap()[field] = "shop".into();
            let error = set(&mut document, &shares("5%")).unwrap_err();
            assert!(matches!(error, Unfit::Runtime), "{error}");
            assert!(is_set(&document, &shares("5%")).is_err());
            document.pointer_mut(at).unwrap()[field] = "".into();
            set(&mut document, &shares("5%")).unwrap();
        }
    }

    #[test]
    fn names_are_understood_in_both_ways_and_sums_fit() {
        let mut document = json!({
            "versionInfo": "1",
            "resources": [{ "resource": { "name": "shop", "routes": [
                { "weightedClusters": { "totalWeight": 100, "clusters": [{ "name": "blue" }, { "name": "green" }] } },
            ] } }],
        });
        assert_eq!(name(&document).unwrap(), "shop");
        set(&mut document, &shares("25%")).unwrap();
        assert!(is_set(&document, &shares("25%")).unwrap());
        let split = &document["resources"][0]["resource"]["routes"][0]["weightedClusters"];
        assert_eq!(split["totalWeight"], 10_000);
        assert_eq!(document["version_info"], "blue=25%,green=75%");
        assert_eq!(
            document.get("versionInfo"),
            None,
            "Envoy takes the last of two"
        );
    }
}
