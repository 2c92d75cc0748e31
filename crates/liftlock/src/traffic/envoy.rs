//! Weights in a file of routes that Envoy watches
//! (<https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/rds>).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::json;
use crate::name::Name;
use crate::percent::Percent;

/// Reads a file of routes.
///
/// # Errors
///
/// Fails on what is no `DiscoveryResponse` in JSON.
pub fn parse(bytes: &[u8]) -> Result<Value, Unfit> {
    let document: Value = json::parse(bytes)?;
    match document.get("resources") {
        Some(Value::Array(_)) => Ok(document),
        Some(_) | None => Err(Unfit::NoResources),
    }
}

/// Sets the weights of every split between exactly these clusters, in
/// hundredths of a percent; everything else stays as it is.
///
/// # Errors
///
/// Fails where there is no such split.
pub fn set(document: &mut Value, shares: &BTreeMap<Name, Percent>) -> Result<(), Unfit> {
    let mut found = 0_usize;
    each(document, shares, &mut |cluster, share| {
        found += 1;
        if let Some(cluster) = cluster.as_object_mut() {
            cluster.insert("weight".to_owned(), share.basis_points().into());
        }
    });
    if found == 0 {
        return Err(none(shares));
    }
    let told: Vec<String> = shares
        .iter()
        .map(|(slot, share)| format!("{slot}={share}"))
        .collect();
    if let Some(document) = document.as_object_mut() {
        // Envoy shows it in `config_dump` and its statistics.
        document.insert("version_info".to_owned(), told.join(",").into());
    }
    Ok(())
}

/// Whether every split between these clusters has these weights.
///
/// # Errors
///
/// Fails where there is no such split.
pub fn is_set(document: &Value, shares: &BTreeMap<Name, Percent>) -> Result<bool, Unfit> {
    let (mut found, mut same) = (0_usize, true);
    each(&mut document.clone(), shares, &mut |cluster, share| {
        found += 1;
        let weight = cluster.get("weight").and_then(Value::as_u64);
        same &= weight == Some(u64::from(share.basis_points()));
    });
    match found {
        0 => Err(none(shares)),
        _ => Ok(same),
    }
}

/// Comes to every cluster of every `weighted_clusters` between these slots.
/// Depth is bounded by what JSON was read.
fn each(
    value: &mut Value,
    shares: &BTreeMap<Name, Percent>,
    act: &mut dyn FnMut(&mut Value, Percent),
) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, shares, act)),
        Value::Object(fields) => {
            for (name, value) in fields {
                let clusters = value.get_mut("clusters").and_then(Value::as_array_mut);
                match (name.as_str(), clusters) {
                    ("weighted_clusters", Some(clusters)) if is_ours(clusters, shares) => {
                        for cluster in clusters {
                            if let Some(share) = share_of(cluster, shares) {
                                act(cluster, share);
                            }
                        }
                    }
                    _ => each(value, shares, act),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_ours(clusters: &[Value], shares: &BTreeMap<Name, Percent>) -> bool {
    let known = clusters
        .iter()
        .filter(|one| share_of(one, shares).is_some());
    clusters.len() == shares.len() && known.count() == shares.len()
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
            json!("blue"),
        ] {
            let mut document = routes(&clusters);
            assert!(set(&mut document, &shares("5%")).is_err(), "{clusters}");
            assert!(is_set(&document, &shares("5%")).is_err(), "{clusters}");
        }
        assert!(parse(b"{}").is_err());
        assert!(parse(b"").is_err());
        assert!(parse(routes(&json!([])).to_string().as_bytes()).is_ok());
    }
}
