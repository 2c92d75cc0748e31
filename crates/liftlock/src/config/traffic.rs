//! Ways to split requests, and how many servers a share of them needs.

use serde::{Deserialize, Serialize};

use super::target::{Haproxy, Slots, Traffic, WeightsFile};
use crate::span::Span;

/// The most servers that everything may be said to need.
const MOST: u32 = 10_000;

/// The longest that missing servers are waited for.
const LONGEST: Span = Span::seconds(3_600);

/// The most Envoys that are asked one after the other.
const ENVOYS: usize = 16;

/// The file that nginx includes, and the command that makes nginx read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Nginx {
    /// The file; it holds the whole block `split_clients` and nothing else.
    pub include: String,
    /// What is hashed; default `$request_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The variable that names the upstream, without `$`; default `liftlock`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// Program and arguments, no shell; ends with 0 only where nginx takes the file.
    pub reload: Vec<String>,
    /// The upstreams at first contact; the state knows them from then on.
    pub slots: Slots,
}

impl Nginx {
    /// What is hashed.
    #[must_use]
    pub fn key(&self) -> &str {
        self.key.as_deref().unwrap_or("$request_id")
    }

    /// The variable that names the upstream.
    #[must_use]
    pub fn variable(&self) -> &str {
        self.variable.as_deref().unwrap_or("liftlock")
    }

    fn check(&self) -> Result<(), &'static str> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let word = |text: &str| !text.is_empty() && text.bytes().all(plain);
        if self.reload.is_empty() {
            return Err("has an empty `nginx.reload`");
        }
        if !word(self.variable()) {
            return Err("has an `nginx.variable` that is no name of a variable");
        }
        let mut parts = self.key().split(['$', '{', '}', '|']);
        if self.key().is_empty() || !parts.all(|part| part.is_empty() || word(part)) {
            return Err("has an `nginx.key` of more than variables, words and `|`");
        }
        Ok(())
    }
}

/// A file of routes (`DiscoveryResponse` in JSON) that Envoy watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Envoy {
    /// Where it is; `path_config_source.path` of Envoy's `rds`.
    pub path: String,
    /// URLs of the administration interfaces of all Envoys that watch it: they
    /// are asked what they took. Where there are none, nobody is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub admin: Vec<String>,
    /// The clusters at first contact; the state knows them from then on.
    pub slots: Slots,
}

impl Envoy {
    fn check(&self) -> Result<(), &'static str> {
        let plain = |url: &String| {
            let rest = url.strip_prefix("http://");
            let rest = rest.or_else(|| url.strip_prefix("https://"));
            rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['@', '?', '#']))
        };
        if !self.admin.iter().all(plain) {
            return Err("has an `envoy.admin` that is no plain URL, as http://127.0.0.1:9901");
        }
        if self.admin.len() > ENVOYS {
            return Err("has more than 16 URLs in `envoy.admin`");
        }
        Ok(())
    }
}

/// A team's own program that reads and sets how requests are split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Splitter {
    /// Program and arguments, no shell: prints how requests are split.
    pub read: Vec<String>,
    /// Program and arguments, no shell: splits requests as told on standard input.
    pub shift: Vec<String>,
    /// How long one run may take; default 1m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// The slots at first contact; the state knows them from then on.
    pub slots: Slots,
}

impl Splitter {
    /// How long one run may take.
    #[must_use]
    pub fn timeout(&self) -> Span {
        self.timeout.unwrap_or(Span::seconds(60))
    }
}

/// How many healthy servers the requests need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Capacity {
    /// Healthy servers that all requests need; a share needs its part, rounded up.
    pub full: u32,
    /// How long missing servers are waited for before a shift; default 1m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Span>,
}

impl Capacity {
    /// One server, as much as any share needs.
    const LEAST: Self = Self {
        full: 1,
        wait: None,
    };

    /// How long missing servers are waited for.
    #[must_use]
    pub fn wait(&self) -> Span {
        self.wait.unwrap_or(Span::seconds(60))
    }
}

/// The one way that is configured.
#[derive(Clone, Copy, Debug)]
pub enum Way<'a> {
    /// The runtime socket of HAProxy.
    Haproxy(&'a Haproxy),
    /// A file that nginx includes.
    Nginx(&'a Nginx),
    /// A file that Envoy watches.
    Envoy(&'a Envoy),
    /// A file for anybody else.
    WeightsFile(&'a WeightsFile),
    /// A team's own program.
    Command(&'a Splitter),
}

impl<'a> Way<'a> {
    /// The slots at first contact.
    #[must_use]
    pub const fn slots(self) -> &'a Slots {
        match self {
            Self::Haproxy(way) => &way.slots,
            Self::Nginx(way) => &way.slots,
            Self::Envoy(way) => &way.slots,
            Self::WeightsFile(way) => &way.slots,
            Self::Command(way) => &way.slots,
        }
    }
}

impl Traffic {
    fn ways(&self) -> impl Iterator<Item = Way<'_>> {
        let ways = [
            self.haproxy.as_ref().map(Way::Haproxy),
            self.nginx.as_ref().map(Way::Nginx),
            self.envoy.as_ref().map(Way::Envoy),
            self.weights_file.as_ref().map(Way::WeightsFile),
            self.command.as_ref().map(Way::Command),
        ];
        ways.into_iter().flatten()
    }

    /// The way that is configured.
    #[must_use]
    pub fn way(&self) -> Option<Way<'_>> {
        self.ways().next()
    }

    /// How many servers the requests need, where that is known: HAProxy always
    /// tells which of its servers run, a command where it is asked to.
    #[must_use]
    pub fn needs(&self) -> Option<Capacity> {
        let least = self.haproxy.as_ref().map(|_| Capacity::LEAST);
        self.capacity.or(least)
    }

    /// What types alone cannot say.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let mut ways = self.ways();
        let (Some(way), None) = (ways.next(), ways.next()) else {
            return Err("needs exactly one of haproxy, nginx, envoy, weights-file, command");
        };
        let Slots { stable, canary } = way.slots();
        if stable == canary {
            return Err("has one slot in both roles");
        }
        match way {
            Way::Haproxy(_)
                if is_of(stable.as_str(), canary.as_str())
                    || is_of(canary.as_str(), stable.as_str()) =>
            {
                return Err("has a slot whose name is that of a server of the other slot");
            }
            Way::Nginx(nginx) => nginx.check()?,
            Way::Envoy(envoy) => envoy.check()?,
            Way::Command(command) if command.read.is_empty() || command.shift.is_empty() => {
                return Err("has an empty `command.read` or `command.shift`");
            }
            Way::Haproxy(_) | Way::WeightsFile(_) | Way::Command(_) => {}
        }
        self.capacity.map_or(Ok(()), |capacity| capacity.check(way))
    }
}

impl Capacity {
    fn check(&self, way: Way<'_>) -> Result<(), &'static str> {
        match way {
            Way::Haproxy(_) | Way::Command(_) => {}
            Way::Envoy(envoy) if !envoy.admin.is_empty() => {}
            Way::Nginx(_) | Way::Envoy(_) | Way::WeightsFile(_) => {
                return Err(
                    "has a `capacity`, which only haproxy, command and an envoy with `admin` can tell",
                );
            }
        }
        if self.full == 0 || self.full > MOST {
            return Err("has a `capacity.full` that is not 1 to 10000");
        }
        if self.wait() > LONGEST {
            return Err("has a `capacity.wait` of more than an hour");
        }
        Ok(())
    }
}

/// Whether a server of this name is one of a slot's: `SLOT` itself or
/// `SLOT-NUMBER`, as HAProxy's `server-template SLOT- 4` names its servers.
#[must_use]
pub fn is_of(slot: &str, server: &str) -> bool {
    let rest = server.strip_prefix(slot);
    rest.is_some_and(|rest| {
        let number = rest.strip_prefix('-').unwrap_or_default();
        rest.is_empty() || (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(yaml: &str) -> Result<(), &'static str> {
        let traffic: Traffic = crate::yaml::parse(yaml).unwrap();
        traffic.check()
    }

    const SLOTS: &str = "slots: { stable: v1, canary: v2 }";

    #[test]
    fn every_way_is_taken_alone() {
        let ways = [
            format!("haproxy: {{ socket: /s, backend: b, {SLOTS} }}\n"),
            format!("nginx: {{ include: /i, reload: [nginx, -s, reload], {SLOTS} }}\n"),
            format!("envoy: {{ path: /r.json, {SLOTS} }}\n"),
            format!("envoy: {{ path: /r.json, admin: ['http://[::1]:9901'], {SLOTS} }}\n"),
            format!("weights-file: {{ path: /w.json, {SLOTS} }}\n"),
            format!("command: {{ read: [a], shift: [b], {SLOTS} }}\n"),
        ];
        for (index, way) in ways.iter().enumerate() {
            assert_eq!(checked(way), Ok(()), "{way}");
            let other = ways.iter().rev().nth(index).unwrap();
            let both = format!("{way}{other}");
            if way.split(':').next() != other.split(':').next() {
                assert!(
                    checked(&both).unwrap_err().starts_with("needs exactly one"),
                    "{both}"
                );
            }
            let known = ["haproxy", "command"]
                .iter()
                .any(|name| way.starts_with(name));
            let known = known || way.contains("admin");
            let needing = format!("{way}capacity: {{ full: 4 }}");
            assert_eq!(checked(&needing).is_ok(), known, "{needing}");
        }
        assert!(checked("end: swap").is_err());
    }

    #[test]
    fn what_would_break_a_file_or_a_rule_is_refused() {
        for (yaml, why) in [
            (
                "haproxy: { socket: /s, backend: b, slots: { stable: v1, canary: v1-2 } }",
                "other slot",
            ),
            (
                "haproxy: { socket: /s, backend: b, slots: { stable: v1, canary: v1 } }",
                "both roles",
            ),
            ("nginx: { include: i, reload: [], SLOTS }", "reload"),
            (
                "nginx: { include: i, reload: [n], variable: 'a;b', SLOTS }",
                "variable",
            ),
            (
                "nginx: { include: i, reload: [n], key: '$a\" x', SLOTS }",
                "nginx.key",
            ),
            (
                "nginx: { include: i, reload: [n], key: '', SLOTS }",
                "nginx.key",
            ),
            ("envoy: { path: r, admin: [':9901'], SLOTS }", "envoy.admin"),
            (
                "envoy: { path: r, admin: ['http://a:b@c'], SLOTS }",
                "envoy.admin",
            ),
            (
                "envoy: { path: r, admin: ['http://a/?b'], SLOTS }",
                "envoy.admin",
            ),
            ("command: { read: [], shift: [b], SLOTS }", "command.read"),
            (
                "{ command: { read: [a], shift: [b], SLOTS }, capacity: { full: 0 } }",
                "capacity.full",
            ),
            (
                "{ command: { read: [a], shift: [b], SLOTS }, capacity: { full: 1, wait: 2h } }",
                "capacity.wait",
            ),
        ] {
            let error = checked(&yaml.replace("SLOTS", SLOTS)).unwrap_err();
            assert!(error.contains(why), "{yaml}: {error}");
        }
        let key = "nginx: { include: i, reload: [n], key: '${remote_addr}|$cookie_id', SLOTS }";
        assert_eq!(checked(&key.replace("SLOTS", SLOTS)), Ok(()));
    }

    #[test]
    fn haproxy_needs_a_server_where_nothing_is_said() {
        let needs = |yaml: &str| {
            let traffic: Traffic = crate::yaml::parse(&yaml.replace("SLOTS", SLOTS)).unwrap();
            traffic
                .needs()
                .map(|capacity| (capacity.full, capacity.wait()))
        };
        let minute = Span::seconds(60);
        let haproxy = "haproxy: { socket: /s, backend: b, SLOTS }";
        assert_eq!(needs(haproxy), Some((1, minute)));
        let command = "command: { read: [a], shift: [b], SLOTS }";
        assert_eq!(needs(command), None);
        let wanted = format!("{command}\ncapacity: {{ full: 3, wait: 5s }}");
        assert_eq!(needs(&wanted), Some((3, Span::seconds(5))));
    }

    #[test]
    fn servers_of_a_slot_have_its_name_and_a_number() {
        for (server, expected) in [
            ("v1", true),
            ("v1-1", true),
            ("v1-12", true),
            ("v1-", false),
            ("v1-a", false),
            ("v1-1-2", false),
            ("v12", false),
            ("v", false),
        ] {
            assert_eq!(is_of("v1", server), expected, "{server}");
        }
    }
}
