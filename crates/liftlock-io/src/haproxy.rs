//! Talks to HAProxy's runtime socket: one command a connection.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use liftlock::config::target::Haproxy;
use liftlock::failure::{Explain, Kind};
use liftlock::haproxy::{self, ParseError, Server, Unfit};
use liftlock::name::Name;
use liftlock::percent::Percent;

/// How long one command may take.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// The most an answer may have.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Sets the weights of both servers and reads them back.
///
/// # Errors
///
/// Fails when the socket is gone, a server is unknown or not running, the
/// share cannot be expressed, or the weights read back are others.
pub fn set(target: &Haproxy, shares: &BTreeMap<Name, Percent>) -> Result<(), Error> {
    let by_name: BTreeMap<&str, Percent> = shares
        .iter()
        .map(|(slot, share)| (slot.as_str(), *share))
        .collect();
    let wanted = haproxy::weights(&by_name)?;
    let before = servers(target)?;
    for (server, weight) in &wanted {
        match before.get(server) {
            None => return Err(Error::Unknown(server.clone())),
            Some(Server { running: false, .. }) if *weight > 0 => {
                return Err(Error::Down(server.clone()));
            }
            Some(_) => {}
        }
    }
    // The larger weight first: there is never a moment without a server.
    let mut order: Vec<(&String, &u32)> = wanted.iter().collect();
    order.sort_by(|left, right| right.1.cmp(left.1));
    for (server, weight) in order {
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

/// Whether the weights in force split requests as asked.
///
/// # Errors
///
/// Fails when the socket cannot be read or the share cannot be expressed.
pub fn is_set(target: &Haproxy, shares: &BTreeMap<Name, Percent>) -> Result<bool, Error> {
    let found = servers(target)?;
    let sum = |servers: &BTreeMap<String, Server>| -> u64 {
        let known = shares.keys().filter_map(|slot| servers.get(slot.as_str()));
        known.map(|server| u64::from(server.weight)).sum()
    };
    let total = sum(&found);
    Ok(shares.iter().all(|(slot, share)| {
        let Some(server) = found.get(slot.as_str()) else {
            return false;
        };
        u64::from(server.weight) * 10_000 == u64::from(share.basis_points()) * total
            && (total > 0 || *share == Percent::ZERO)
    }))
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
    #[error("HAProxy has no server `{0}` in this backend")]
    Unknown(String),
    /// It would get requests but does not run.
    #[error("server `{0}` is not running and would get requests")]
    Down(String),
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
            Self::Socket { .. }
            | Self::Parse(_)
            | Self::Down(_)
            | Self::Refused(_)
            | Self::NotKept { .. } => Kind::Upstream,
        }
    }
}
