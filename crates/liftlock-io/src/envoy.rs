//! A file of routes that Envoy watches: only weights are changed in it. Where
//! Envoy's administration interface is known, it is asked what it took.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use liftlock::config::target::Slots;
use liftlock::config::traffic::Envoy;
use liftlock::failure::{Explain, Kind};
use liftlock::name::Name;
use liftlock::percent::Percent;
use liftlock::traffic;
use liftlock::traffic::envoy::{self, admin};
use serde_json::Value;

use crate::http::{self, Client, Limits, Request};
use crate::{clock, file, stop};

/// How long Envoy may take to read a file that was replaced.
const TAKEN: Duration = Duration::from_secs(5);

/// Between two questions whether it did.
const PAUSE: Duration = Duration::from_millis(20);

/// How long a file may take to be written and read back.
const FILE: Duration = Duration::from_secs(5);

/// The most such a file may have.
const LARGEST: u64 = 4 * 1024 * 1024;

const ANSWER: Limits = Limits {
    bytes: 16 * 1024 * 1024,
    timeout: Duration::from_secs(2),
};

/// Makes a client for HTTP where one is needed.
pub type Connect<'a> = &'a dyn Fn() -> Result<Client, http::Error>;

/// The longest that weights may take to be set and read back.
#[must_use]
pub fn longest(target: &Envoy) -> Duration {
    let each = u32::try_from(target.admin.len()).unwrap_or(u32::MAX);
    match each {
        0 => FILE,
        // All are asked before, and those that are late once more at the end.
        _ => FILE + TAKEN + ANSWER.timeout.saturating_mul(each.saturating_mul(2)),
    }
}

/// Sets the weights and reads them back. The file is replaced by a rename,
/// which is the one change that Envoy watches for; every Envoy that can be
/// asked has to split requests by it.
///
/// # Errors
///
/// Fails when the file cannot be read, understood or written, when no route
/// splits between the slots, when it holds something else afterwards, and when
/// an Envoy does not take it in time or cannot be asked.
pub fn set(
    target: &Envoy,
    shares: &BTreeMap<Name, Percent>,
    connect: Connect<'_>,
) -> Result<(), Error> {
    let mut routes = read(target)?;
    envoy::set(&mut routes, shares).map_err(|source| unfit(target, source))?;
    let mut bytes = serde_json::to_vec_pretty(&routes).map_err(Error::Json)?;
    bytes.push(b'\n');
    file::write(Path::new(&target.path), &bytes)?;
    if !is_written(target, &read(target)?, shares)? {
        return Err(Error::NotKept(target.path.clone()));
    }
    let (client, begun) = (reach(target, connect)?, Instant::now());
    loop {
        match late(target, &routes, shares, client.as_ref()) {
            Ok(None) => return Ok(()),
            Ok(Some(_)) | Err(_) if begun.elapsed() < TAKEN && !stop::asked() => clock::wait(PAUSE),
            Ok(Some(url)) => return Err(Error::NotTaken(url.to_owned())),
            Err(error) => return Err(error),
        }
    }
}

/// Whether every split between the slots has these weights, in the file and in
/// every Envoy that can be asked.
///
/// # Errors
///
/// Fails when the file cannot be read or understood, or has no such split, and
/// when an Envoy does not answer.
pub fn is_set(
    target: &Envoy,
    shares: &BTreeMap<Name, Percent>,
    connect: Connect<'_>,
) -> Result<bool, Error> {
    let routes = read(target)?;
    if !is_written(target, &routes, shares)? {
        return Ok(false);
    }
    let client = reach(target, connect)?;
    Ok(late(target, &routes, shares, client.as_ref())?.is_none())
}

/// How requests are split between these slots, in words.
///
/// # Errors
///
/// Fails as [`is_set`] does.
pub fn found(
    target: &Envoy,
    shares: &BTreeMap<Name, Percent>,
    connect: Connect<'_>,
) -> Result<String, Error> {
    let routes = read(target)?;
    let weights = envoy::weights(&routes, shares).map_err(|source| unfit(target, source))?;
    let splits: Vec<String> = weights.iter().map(traffic::weighed).collect();
    let file = format!("{} in `{}`", splits.join(" and elsewhere "), target.path);
    let client = reach(target, connect)?;
    Ok(match late(target, &routes, shares, client.as_ref())? {
        Some(url) if is_written(target, &routes, shares)? => {
            format!("{file} but not in the Envoy at `{url}`")
        }
        Some(_) | None => file,
    })
}

/// How many hosts of each slot are healthy, as the Envoy sees it that sees
/// the fewest.
///
/// # Errors
///
/// Fails when an Envoy does not answer.
pub fn healthy(
    target: &Envoy,
    slots: &Slots,
    connect: Connect<'_>,
) -> Result<BTreeMap<Name, u32>, Error> {
    let client = connect()?;
    let both = [&slots.stable, &slots.canary];
    let mut least: Option<BTreeMap<Name, u32>> = None;
    for url in &target.admin {
        let answer = ask(&client, url, admin::HOSTS)?;
        let mut found = admin::healthy(&answer, both).map_err(|source| untold(url, source))?;
        for (slot, count) in least.into_iter().flatten() {
            found
                .entry(slot)
                .and_modify(|here| *here = count.min(*here));
        }
        least = Some(found);
    }
    Ok(least.unwrap_or_default())
}

/// A client, where there is somebody to ask.
fn reach(target: &Envoy, connect: Connect<'_>) -> Result<Option<Client>, Error> {
    let client = (!target.admin.is_empty()).then(connect);
    Ok(client.transpose()?)
}

/// The first Envoy that splits requests in another way.
fn late<'a>(
    target: &'a Envoy,
    routes: &Value,
    shares: &BTreeMap<Name, Percent>,
    client: Option<&Client>,
) -> Result<Option<&'a str>, Error> {
    let Some(client) = client else {
        return Ok(None);
    };
    let name = envoy::name(routes).map_err(|source| unfit(target, source))?;
    for url in &target.admin {
        let answer = ask(client, url, admin::ROUTES)?;
        let taken = admin::is_taken(&answer, name, shares);
        if !taken.map_err(|source| untold(url, source))? {
            return Ok(Some(url));
        }
    }
    Ok(None)
}

fn ask(client: &Client, url: &str, path: &str) -> Result<Vec<u8>, Error> {
    let address = format!("{}/{path}", url.trim_end_matches('/'));
    let parsed = address.parse().map_err(|source| Error::Url {
        url: url.to_owned(),
        source,
    })?;
    let answer = client.send(Request::get(parsed).here_only(), ANSWER)?;
    match answer.status {
        200 => Ok(answer.body),
        status => Err(Error::Status {
            url: url.to_owned(),
            status,
        }),
    }
}

fn read(target: &Envoy) -> Result<Value, Error> {
    let bytes = file::read(Path::new(&target.path), LARGEST)?;
    envoy::parse(&bytes).map_err(|source| unfit(target, source))
}

fn is_written(
    target: &Envoy,
    routes: &Value,
    shares: &BTreeMap<Name, Percent>,
) -> Result<bool, Error> {
    envoy::is_set(routes, shares).map_err(|source| unfit(target, source))
}

fn unfit(target: &Envoy, source: envoy::Unfit) -> Error {
    Error::Unfit {
        path: target.path.clone(),
        source,
    }
}

fn untold(url: &str, source: admin::Untold) -> Error {
    Error::Untold {
        url: url.to_owned(),
        source,
    }
}

/// Why the routes do not split requests as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] file::Error),
    /// It has nothing to weigh.
    #[error("cannot weigh the routes in `{path}`")]
    Unfit {
        /// The file.
        path: String,
        /// Why.
        source: envoy::Unfit,
    },
    /// Somebody else writes it as well.
    #[error("`{0}` holds other weights right after it was written")]
    NotKept(String),
    /// It refused the file, or watches another one.
    #[error("the Envoy at `{0}` still splits requests in another way")]
    NotTaken(String),
    /// It was not reached.
    #[error("cannot ask Envoy what it took")]
    Http(#[from] http::Error),
    /// No address.
    #[error("`{url}` is no URL")]
    Url {
        /// As it is configured.
        url: String,
        /// Why.
        source: url::ParseError,
    },
    /// It did not answer the question.
    #[error("the Envoy at `{url}` answered {status}")]
    Status {
        /// Who.
        url: String,
        /// What it said.
        status: u16,
    },
    /// Its answer does not tell.
    #[error("cannot tell what the Envoy at `{url}` took")]
    Untold {
        /// Who.
        url: String,
        /// Why.
        source: admin::Untold,
    },
    /// Routes that are no JSON.
    #[error("the routes cannot be written")]
    Json(#[source] serde_json::Error),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::File(error) => error.kind(),
            Self::Unfit { .. } | Self::Url { .. } => Kind::Invalid,
            Self::NotKept(_) | Self::NotTaken(_) | Self::Status { .. } | Self::Untold { .. } => {
                Kind::Upstream
            }
            Self::Http(error) => error.kind(),
            Self::Json(_) => Kind::Bug,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotTaken(_) => Some("look in its log for what it rejected".to_owned()),
            Self::Http(error) => error.hint(),
            Self::File(_)
            | Self::Unfit { .. }
            | Self::NotKept(_)
            | Self::Url { .. }
            | Self::Status { .. }
            | Self::Untold { .. }
            | Self::Json(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn nobody() -> Result<Client, http::Error> {
        panic!("nobody is to be asked")
    }

    #[test]
    fn the_file_is_replaced_as_a_whole_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("routes.json");
        let target = Envoy {
            path: path.display().to_string(),
            admin: Vec::new(),
            slots: Slots {
                stable: "blue".parse().unwrap(),
                canary: "green".parse().unwrap(),
            },
        };
        let canary: Percent = "5%".parse().unwrap();
        let shares = BTreeMap::from([
            (target.slots.stable.clone(), canary.rest()),
            (target.slots.canary.clone(), canary),
        ]);
        assert!(matches!(
            is_set(&target, &shares, &nobody),
            Err(Error::File(_))
        ));
        let split = r#"{"resources":[{"weighted_clusters":{"clusters":[{"name":"blue"},{"name":"green"}]}}]}"#;
        fs::write(&path, split).unwrap();
        let before = fs::metadata(&path).unwrap().ino();
        assert!(!is_set(&target, &shares, &nobody).unwrap());
        set(&target, &shares, &nobody).unwrap();
        assert!(is_set(&target, &shares, &nobody).unwrap());
        assert_ne!(fs::metadata(&path).unwrap().ino(), before, "a rename");
        fs::write(&path, r#"{"resources":[]}"#).unwrap();
        let error = set(&target, &shares, &nobody).unwrap_err();
        assert!(matches!(error, Error::Unfit { .. }), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), r#"{"resources":[]}"#);
    }
}
