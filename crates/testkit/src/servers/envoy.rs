//! Envoy before clusters of one server each, with routes from a file it watches.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::several_times;
use crate::process::{Process, free_address};
use crate::{http, peers};

/// The name of the routes.
pub const ROUTES: &str = "shop";

/// A running proxy.
#[derive(Debug)]
pub struct Envoy {
    process: Process,
    front: SocketAddr,
    admin: SocketAddr,
    _folder: TempDir,
}

impl Envoy {
    /// Starts it with the routes of a file before these clusters, whose servers
    /// it checks; gives nothing where it is not installed.
    ///
    /// # Errors
    ///
    /// Fails when it does not become ready.
    pub fn start(routes: &Path, clusters: &[(&str, SocketAddr)]) -> Result<Option<Self>> {
        let Some(program) = peers::require("envoy") else {
            return Ok(None);
        };
        several_times(|| Self::run(&program, routes, clusters)).map(Some)
    }

    fn run(program: &Path, routes: &Path, clusters: &[(&str, SocketAddr)]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (front, admin) = (free_address()?, free_address()?);
        let config = json!({
            // Envoy takes routes from a file only where it has a name itself.
            "node": { "id": "test", "cluster": "test" },
            "admin": { "address": socket(admin) },
            "static_resources": {
                "listeners": [listener(front, routes)],
                "clusters": clusters.iter().map(|(name, server)| cluster(name, *server)).collect::<Value>(),
            },
        });
        let file = folder.path().join("envoy.json");
        fs::write(&file, config.to_string())?;
        let mut command = Command::new(program);
        command.arg("-c").arg(&file).args([
            "--disable-hot-restart",
            "--concurrency",
            "1",
            "--log-level",
            "warning",
        ]);
        let mut process = Process::spawn("envoy", &mut command, folder.path())?;
        process.ready(|| http::answers(&format!("http://{admin}/ready"), 200))?;
        Ok(Self {
            process,
            front,
            admin,
            _folder: folder,
        })
    }

    /// Where users come in.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.front)
    }

    /// Its administration interface.
    #[must_use]
    pub fn admin(&self) -> String {
        format!("http://{}", self.admin)
    }

    /// The clusters and their weights in force.
    ///
    /// # Errors
    ///
    /// Fails where it has no routes.
    pub fn weights(&self) -> Result<Vec<(String, u64)>> {
        let url = format!(
            "{}/config_dump?resource=dynamic_route_configs",
            self.admin()
        );
        let answer = http::get(&url)?;
        ensure!(answer.status == 200, "{}", answer.status);
        let dump: Value = serde_json::from_slice(&answer.body)?;
        let at =
            "/configs/0/route_config/virtual_hosts/0/routes/0/route/weighted_clusters/clusters";
        let clusters = dump.pointer(at).and_then(Value::as_array);
        let clusters = clusters.with_context(|| format!("no split in {dump}"))?;
        let weight = |cluster: &Value| {
            let name = cluster["name"].as_str()?.to_owned();
            Some((name, cluster["weight"].as_u64()?))
        };
        let weights = clusters.iter().map(weight).collect::<Option<_>>();
        weights.with_context(|| format!("clusters without a weight in {dump}"))
    }

    /// A counter of the routes' updates: `update_success`, `update_rejected`.
    ///
    /// # Errors
    ///
    /// Fails where there is no such counter.
    pub fn count(&self, counter: &str) -> Result<u64> {
        let name = format!("http.front.rds.{ROUTES}.{counter}");
        let page = http::get(&format!("{}/stats?filter=^{name}$", self.admin()))?.text();
        let count = page.trim().strip_prefix(&format!("{name}: "));
        Ok(count.with_context(|| page.clone())?.parse()?)
    }

    /// The process, to stop it in the middle of a test.
    pub const fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// A file of routes with one split between these clusters.
#[must_use]
pub fn routes(clusters: &[(&str, u32)]) -> Value {
    let clusters: Value = clusters
        .iter()
        .map(|(name, weight)| json!({ "name": name, "weight": weight }))
        .collect();
    json!({
        "version_info": "by hand",
        "resources": [{
            "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
            "name": ROUTES,
            "virtual_hosts": [{ "name": ROUTES, "domains": ["*"], "routes": [{
                "match": { "prefix": "/" },
                "route": { "weighted_clusters": { "clusters": clusters } },
            }] }],
        }],
    })
}

fn socket(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip(), "port_value": address.port() } })
}

fn listener(front: SocketAddr, routes: &Path) -> Value {
    let extensions = "type.googleapis.com/envoy.extensions.filters";
    json!({
        "name": "front", "address": socket(front),
        "filter_chains": [{ "filters": [{ "name": "http", "typed_config": {
            "@type": format!("{extensions}.network.http_connection_manager.v3.HttpConnectionManager"),
            "stat_prefix": "front",
            "rds": { "route_config_name": ROUTES, "config_source": {
                "resource_api_version": "V3", "path_config_source": { "path": routes } } },
            "http_filters": [{ "name": "router", "typed_config": {
                "@type": format!("{extensions}.http.router.v3.Router") } }],
        } }] }],
    })
}

fn cluster(name: &str, server: SocketAddr) -> Value {
    json!({
        "name": name, "connect_timeout": "1s",
        "load_assignment": { "cluster_name": name, "endpoints": [{
            "lb_endpoints": [{ "endpoint": { "address": socket(server) } }] }] },
        "health_checks": [{ "timeout": "1s", "interval": "0.25s", "no_traffic_interval": "0.25s",
            "unhealthy_threshold": 1, "healthy_threshold": 1, "tcp_health_check": {} }],
        // Without it a cluster whose servers are all down gets requests all the same.
        "common_lb_config": { "healthy_panic_threshold": { "value": 0 } },
    })
}
