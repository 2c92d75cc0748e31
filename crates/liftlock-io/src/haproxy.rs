//! Talks to HAProxy's runtime socket: one command a connection.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use liftlock::config::target::{Haproxy, Slots};
use liftlock::config::traffic::is_of;
use liftlock::failure::{Explain, Kind};
use liftlock::haproxy::{self, ParseError, Server, Unfit};
use liftlock::name::Name;
use liftlock::percent::Percent;
use liftlock::traffic;

use crate::clock;

/// How long one command may take.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// The most an answer may have.
const LARGEST: u64 = 4 * 1024 * 1024;

/// The longest that weights may take to be set and read back.
pub const LONGEST: Duration = Duration::from_secs(40);

/// Sets the weights of the servers of both slots and reads them back.
///
/// # Errors
///
/// Fails when the socket is gone or slow, when a slot has no server or none
/// that runs and would get requests, when the share cannot be expressed, and
/// when the weights read back are others.
pub fn set(target: &Haproxy, shares: &BTreeMap<Name, Percent>) -> Result<(), Error> {
    let begun = clock::now();
    let wanted = wanted(&servers(target)?, shares)?;
    // The larger weight first: there is never a moment without a server.
    let mut order: Vec<(&String, &u32)> = wanted.iter().collect();
    order.sort_by(|left, right| right.1.cmp(left.1));
    for (server, weight) in order {
        // What is read back has to be in time as well.
        let spent = u64::try_from(clock::now().millis_since(begun)).unwrap_or_default();
        if Duration::from_millis(spent) + TIMEOUT * 2 > LONGEST {
            return Err(Error::Late(target.socket.clone()));
        }
        let answer = ask(
            target,
            &format!("set weight {}/{server} {weight}", target.backend),
        )?;
        if !answer.trim().is_empty() {
            return Err(Error::Refused(answer.trim().chars().take(200).collect()));
        }
    }
    let after = servers(target)?;
    for (server, weight) in &wanted {
        let found = after.get(server).map(|server| server.weight);
        if found != Some(*weight) {
            return Err(Error::NotKept {
                server: server.clone(),
                wanted: *weight,
                found,
            });
        }
    }
    Ok(())
}

/// The weight of each server of the slots.
fn wanted(
    found: &BTreeMap<String, Server>,
    shares: &BTreeMap<Name, Percent>,
) -> Result<BTreeMap<String, u32>, Error> {
    let mut parts = BTreeMap::new();
    for (slot, share) in shares {
        let servers = of(found, slot).count();
        if servers == 0 {
            return Err(Error::Unknown(slot.clone()));
        }
        if *share > Percent::ZERO && running(found, slot) == 0 {
            return Err(Error::Down(slot.clone()));
        }
        parts.insert(slot.as_str(), (*share, servers));
    }
    let weights = haproxy::weights(&parts)?;
    let each = shares.keys().flat_map(|slot| {
        let weight = weights.get(slot.as_str()).copied().unwrap_or_default();
        of(found, slot).map(move |(server, _)| (server.clone(), weight))
    });
    Ok(each.collect())
}

fn of<'a>(
    servers: &'a BTreeMap<String, Server>,
    slot: &'a Name,
) -> impl Iterator<Item = (&'a String, &'a Server)> {
    servers
        .iter()
        .filter(|(name, _)| is_of(slot.as_str(), name))
}

fn running(servers: &BTreeMap<String, Server>, slot: &Name) -> u32 {
    let running = of(servers, slot).filter(|(_, server)| server.running);
    u32::try_from(running.count()).unwrap_or(u32::MAX)
}

/// How many servers of each slot run.
///
/// # Errors
///
/// Fails when the socket cannot be read.
pub fn healthy(target: &Haproxy, slots: &Slots) -> Result<BTreeMap<Name, u32>, Error> {
    let found = servers(target)?;
    let both = [&slots.stable, &slots.canary];
    Ok(both
        .into_iter()
        .map(|slot| (slot.clone(), running(&found, slot)))
        .collect())
}

/// Whether the weights in force split requests as asked.
///
/// # Errors
///
/// Fails when the socket cannot be read.
pub fn is_set(target: &Haproxy, shares: &BTreeMap<Name, Percent>) -> Result<bool, Error> {
    let found = servers(target)?;
    let sum = |slot| -> u64 { of(&found, slot).map(|(_, one)| u64::from(one.weight)).sum() };
    let total: u64 = shares.keys().map(sum).sum();
    Ok(shares.iter().all(|(slot, share)| {
        of(&found, slot).next().is_some()
            && sum(slot) * 10_000 == u64::from(share.basis_points()) * total
            && (total > 0 || *share == Percent::ZERO)
    }))
}

/// How requests are split between the slots, in words.
///
/// # Errors
///
/// Fails when the socket cannot be read.
pub fn found(target: &Haproxy, slots: &Slots) -> Result<String, Error> {
    let found = servers(target)?;
    let both = [&slots.stable, &slots.canary];
    let weights = both.map(|slot| {
        let own = of(&found, slot).map(|(_, one)| u64::from(one.weight));
        (slot.clone(), own.sum::<u64>())
    });
    let split = traffic::weighed(&BTreeMap::from(weights));
    let mut missing = both
        .into_iter()
        .filter(|slot| of(&found, slot).next().is_none());
    Ok(match missing.next() {
        Some(slot) => format!("{split} (there is no server of `{slot}`)"),
        None => split,
    })
}

/// What can be known of the socket without setting anything: its level, and
/// that both slots have servers.
///
/// # Errors
///
/// Fails when the socket cannot be read or may not set weights, and when a slot
/// has no server.
pub fn examine(target: &Haproxy, slots: &Slots) -> Result<String, Error> {
    let found = servers(target)?;
    for slot in [&slots.stable, &slots.canary] {
        if of(&found, slot).next().is_none() {
            return Err(Error::Unknown(slot.clone()));
        }
    }
    let level = ask(target, "show cli level")?;
    match level.trim() {
        "admin" => Ok(format!("the level of `{}` is admin", target.socket)),
        level @ ("operator" | "user") => Err(Error::Level {
            socket: target.socket.clone(),
            level: level.to_owned(),
        }),
        // HAProxy before 1.8 does not know the question.
        _ => Ok(format!("the level of `{}` is not told", target.socket)),
    }
}

fn servers(target: &Haproxy) -> Result<BTreeMap<String, Server>, Error> {
    let answer = ask(target, &format!("show servers state {}", target.backend))?;
    Ok(haproxy::parse(&answer)?)
}

trait Socket: Read + Write {}
impl Socket for UnixStream {}
impl Socket for TcpStream {}

fn ask(target: &Haproxy, command: &str) -> Result<String, Error> {
    say(&target.socket, command)
}

/// Says one command to a runtime socket, a path or `HOST:PORT`, and gives the
/// answer.
pub(crate) fn say(socket: &str, command: &str) -> Result<String, Error> {
    let failed = |source| Error::Socket {
        socket: socket.to_owned(),
        source,
    };
    let mut socket = connect(socket).map_err(failed)?;
    socket
        .write_all(format!("{command}\n").as_bytes())
        .map_err(failed)?;
    let mut bytes = Vec::new();
    socket
        .take(LARGEST)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn connect(socket: &str) -> io::Result<Box<dyn Socket>> {
    if socket.contains('/') {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        return Ok(Box::new(stream));
    }
    let address = socket
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
    let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(Box::new(stream))
}

/// Why the weights are not as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No answer.
    #[error("cannot talk to HAProxy at `{socket}`")]
    Socket {
        /// The socket.
        socket: String,
        /// Why.
        source: io::Error,
    },
    /// An answer of another kind.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// A share without weights.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// No such server.
    #[error("HAProxy has no server `{0}`, nor `{0}-NUMBER`, in this backend")]
    Unknown(Name),
    /// It would get requests but has nothing that runs.
    #[error("slot `{0}` has no running server and would get requests")]
    Down(Name),
    /// Each answer was in time, but not all of them together.
    #[error("HAProxy at `{0}` is too slow to set all weights in time")]
    Late(String),
    /// Weights are for administrators.
    #[error("HAProxy lets `{socket}` only read: its level is {level}, and weights need admin")]
    Level {
        /// The socket.
        socket: String,
        /// What it may.
        level: String,
    },
    /// HAProxy does not want to.
    #[error("HAProxy refused the weight: {0}")]
    Refused(String),
    /// Somebody else sets weights as well.
    #[error("server `{server}` has weight {found:?} right after it was set to {wanted}")]
    NotKept {
        /// The server.
        server: String,
        /// What was set.
        wanted: u32,
        /// What was read.
        found: Option<u32>,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Unfit(_) | Self::Unknown(_) => Kind::Invalid,
            Self::Level { .. } => Kind::Credentials,
            Self::Socket { source, .. } => Kind::of_system(source),
            Self::Parse(_)
            | Self::Down(_)
            | Self::Late(_)
            | Self::Refused(_)
            | Self::NotKept { .. } => Kind::Upstream,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Level { .. } => Some("write `level admin` at its `stats socket`".to_owned()),
            Self::Socket { .. }
            | Self::Parse(_)
            | Self::Unfit(_)
            | Self::Unknown(_)
            | Self::Down(_)
            | Self::Late(_)
            | Self::Refused(_)
            | Self::NotKept { .. } => None,
        }
    }
}
