//! What Envoy's administration interface tells of its routes and hosts
//! (<https://www.envoyproxy.io/docs/envoy/latest/operations/admin>).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::is_set;
use crate::json;
use crate::name::Name;
use crate::percent::Percent;

/// Where the routes are told that came by `rds`.
pub const ROUTES: &str = "config_dump?resource=dynamic_route_configs";

/// Where the hosts of all clusters are told.
pub const HOSTS: &str = "clusters?format=json";

#[derive(Deserialize)]
struct Dump {
    // Left out where there are none.
    #[serde(default)]
    configs: Vec<Config>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    route_config: Value,
}

/// Whether the routes of a name that are in force split requests like this.
/// They are compared and not their version: Envoy keeps the version of before
/// where nothing else changed.
///
/// # Errors
///
/// Fails on another answer, and where Envoy has no routes of that name.
pub fn is_taken(
    answer: &[u8],
    name: &str,
    shares: &BTreeMap<Name, Percent>,
) -> Result<bool, Untold> {
    let dump: Dump = json::parse_open(answer)?;
    let routes = dump.configs.iter().map(|config| &config.route_config);
    let ours: Vec<&Value> = routes.filter(|routes| routes["name"] == name).collect();
    if ours.is_empty() {
        return Err(Untold::NoRoutes(name.to_owned()));
    }
    // Routes without the split are those of before.
    Ok(ours
        .into_iter()
        .all(|routes| matches!(is_set(routes, shares), Ok(true))))
}

#[derive(Deserialize)]
struct Clusters {
    #[serde(default)]
    cluster_statuses: Vec<Cluster>,
}

#[derive(Deserialize)]
struct Cluster {
    name: String,
    #[serde(default)]
    host_statuses: Vec<Host>,
}

#[derive(Deserialize)]
struct Host {
    #[serde(default)]
    health_status: BTreeMap<String, Value>,
}

impl Host {
    /// Nothing speaks against it, of what is known today or comes one day: what
    /// is not the matter is left out or false.
    fn is_healthy(&self) -> bool {
        self.health_status.iter().all(|(what, told)| match told {
            Value::Bool(is) => !is,
            Value::String(word) => what == "eds_health_status" && word == "HEALTHY",
            Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
        })
    }
}

/// How many healthy hosts each of these clusters has; a cluster that Envoy does
/// not know has none.
///
/// # Errors
///
/// Fails on another answer.
pub fn healthy(answer: &[u8], slots: [&Name; 2]) -> Result<BTreeMap<Name, u32>, Untold> {
    let told: Clusters = json::parse_open(answer)?;
    let count = |slot: &Name| {
        let ours = told.cluster_statuses.iter();
        let hosts = ours.filter(|cluster| cluster.name == slot.as_str());
        let hosts = hosts.flat_map(|cluster| &cluster.host_statuses);
        hosts.filter(|host| host.is_healthy()).count()
    };
    Ok(slots
        .into_iter()
        .map(|slot| (slot.clone(), u32::try_from(count(slot)).unwrap_or(u32::MAX)))
        .collect())
}

/// An answer that does not tell what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Untold {
    /// Not what Envoy answers.
    #[error("the answer is not that of Envoy's administration interface")]
    Json(#[from] json::ParseError),
    /// Envoy does not ask for the routes in the file.
    #[error("Envoy has no routes `{0}` by `rds`")]
    NoRoutes(String),
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shares() -> BTreeMap<Name, Percent> {
        let blue: Percent = "95%".parse().unwrap();
        BTreeMap::from([
            ("blue".parse().unwrap(), blue),
            ("green".parse().unwrap(), blue.rest()),
        ])
    }

    fn config(name: &str, blue: u16) -> Value {
        let clusters = json!([{ "name": "blue", "weight": blue }, { "name": "green", "weight": 10_000 - blue }]);
        json!({
            "version_info": "blue=95%,green=5%",
            "route_config": { "name": name, "virtual_hosts": [{ "routes": [
                { "route": { "weighted_clusters": { "clusters": clusters } } }] }] },
            "last_updated": "2026-11-27T13:22:47.271Z",
        })
    }

    #[test]
    fn routes_in_force_are_compared_and_not_their_version() {
        let without = json!({ "route_config": { "name": "shop", "virtual_hosts": [] } });
        for (configs, expected) in [
            (json!([config("shop", 9_500)]), Some(true)),
            (json!([config("shop", 10_000)]), Some(false)),
            (
                json!([config("other", 10_000), config("shop", 9_500)]),
                Some(true),
            ),
            (
                json!([config("shop", 9_500), config("shop", 10_000)]),
                Some(false),
            ),
            (json!([without]), Some(false)),
            (json!([config("other", 9_500)]), None),
            (json!([{}]), None),
            (json!([]), None),
        ] {
            let answer = json!({ "configs": configs }).to_string();
            let found = is_taken(answer.as_bytes(), "shop", &shares()).ok();
            assert_eq!(found, expected, "{answer}");
        }
        assert!(matches!(
            is_taken(b"{}", "shop", &shares()),
            Err(Untold::NoRoutes(_))
        ));
        assert!(matches!(
            is_taken(b"<html>", "shop", &shares()),
            Err(Untold::Json(_))
        ));
        assert!(is_taken(br#"{"configs":{}}"#, "shop", &shares()).is_err());
    }

    #[test]
    fn a_host_is_healthy_where_nothing_speaks_against_it() {
        let [blue, green]: [Name; 2] = ["blue", "green"].map(|slot| slot.parse().unwrap());
        for (status, expected) in [
            (json!({ "eds_health_status": "HEALTHY" }), 1),
            (json!({}), 1),
            (
                json!({ "failed_active_health_check": true, "eds_health_status": "HEALTHY" }),
                0,
            ),
            (
                json!({ "failed_active_health_check": false, "eds_health_status": "HEALTHY" }),
                1,
            ),
            (json!({ "failed_outlier_check": true }), 0),
            (json!({ "what_comes_one_day": true }), 0),
            (json!({ "eds_health_status": "DRAINING" }), 0),
            (json!({ "eds_health_status": "UNKNOWN" }), 0),
            (json!({ "eds_health_status": 1 }), 0),
        ] {
            let answer = json!({ "cluster_statuses": [
                { "name": "blue", "host_statuses": [{ "health_status": status }] },
                { "name": "other", "host_statuses": [{}] },
            ] });
            let found = healthy(answer.to_string().as_bytes(), [&blue, &green]).unwrap();
            assert_eq!((found[&blue], found[&green]), (expected, 0), "{answer}");
        }
        assert!(healthy(b"<html>", [&blue, &green]).is_err());
    }
}
