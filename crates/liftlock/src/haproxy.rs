//! Understands HAProxy's runtime API: weights in, weights and health out.

use std::collections::BTreeMap;

use crate::percent::Percent;

/// The largest weight HAProxy takes (configuration manual, `weight`).
const MOST: u32 = 256;

/// One server as `show servers state` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The weight in force.
    pub weight: u32,
    /// Whether its operational state is running (2 of 0 to 3).
    pub running: bool,
}

/// A slot's share and how many servers it has.
pub type Part = (Percent, usize);

/// The whole-number weights, of each server of a slot, that split requests
/// exactly as asked; the smallest ones.
///
/// # Errors
///
/// Fails where no weights up to 256 have that ratio, and where a slot without
/// servers has a share.
pub fn weights(parts: &BTreeMap<&str, Part>) -> Result<BTreeMap<String, u32>, Unfit> {
    let counts = parts.values().map(|(_, servers)| whole(*servers));
    let common = counts.filter(|count| *count > 0).fold(1, |common, count| {
        (common / gcd(common, count)).saturating_mul(count)
    });
    let scaled = parts.iter().map(|(slot, (share, servers))| {
        let points = u64::from(share.basis_points());
        match (points, whole(*servers)) {
            (0, _) => Ok((*slot, 0)),
            (_, 0) => Err(Unfit(*share)),
            (_, servers) => Ok((*slot, (common / servers).saturating_mul(points))),
        }
    });
    let scaled = scaled.collect::<Result<Vec<(&str, u64)>, Unfit>>()?;
    let divisor = scaled
        .iter()
        .fold(0, |all, (_, weight)| gcd(all, *weight))
        .max(1);
    let shares = parts.values().map(|(share, _)| *share);
    let weights = scaled
        .into_iter()
        .zip(shares)
        .map(|((slot, weight), share)| {
            let weight = u32::try_from(weight / divisor).ok();
            let weight = weight
                .filter(|weight| *weight <= MOST)
                .ok_or(Unfit(share))?;
            Ok((slot.to_owned(), weight))
        });
    weights.collect()
}

fn whole(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

const fn gcd(left: u64, right: u64) -> u64 {
    match right {
        0 => left,
        _ => gcd(right, left % right),
    }
}

/// A share that HAProxy cannot express.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no weights up to 256 give a slot exactly {0}: choose a rounder step")]
pub struct Unfit(Percent);

/// Reads the answer of `show servers state BACKEND`.
///
/// # Errors
///
/// Fails when the answer is not version 1 of that table.
pub fn parse(answer: &str) -> Result<BTreeMap<String, Server>, ParseError> {
    let mut lines = answer
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    if lines.next() != Some("1") {
        let first = answer.lines().next().unwrap_or_default();
        return Err(ParseError::Refused(first.chars().take(200).collect()));
    }
    let header: Vec<&str> = match lines.next().and_then(|line| line.strip_prefix('#')) {
        Some(header) => header.split_whitespace().collect(),
        None => return Err(ParseError::NoHeader),
    };
    let column = |name: &'static str| {
        let found = header.iter().position(|title| *title == name);
        found.ok_or(ParseError::NoColumn(name))
    };
    let (name, weight, state) = (
        column("srv_name")?,
        column("srv_uweight")?,
        column("srv_op_state")?,
    );
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split_whitespace().collect();
            let cell = |index: usize| cells.get(index).copied();
            let weight = cell(weight).and_then(|text| text.parse().ok());
            match (cell(name), weight, cell(state)) {
                (Some(name), Some(weight), Some(state)) => {
                    let running = state == "2";
                    Ok((name.to_owned(), Server { weight, running }))
                }
                _ => Err(ParseError::Row(line.chars().take(200).collect())),
            }
        })
        .collect()
}

/// The answer is no table of servers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// HAProxy said something else, such as that there is no such backend.
    #[error("HAProxy answered `{0}`")]
    Refused(String),
    /// No header line.
    #[error("HAProxy's table has no header")]
    NoHeader,
    /// A column is missing.
    #[error("HAProxy's table has no column `{0}`")]
    NoColumn(&'static str),
    /// A row that does not fit the header.
    #[error("HAProxy's table has a row that does not fit: `{0}`")]
    Row(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight\n3 be 1 v1 127.0.0.1 2 0 95 95\n3 be 2 v2 127.0.0.1 0 0 5 5\n\n";

    #[test]
    fn weights_and_health_are_read_by_the_names_of_the_columns() {
        let servers = parse(ANSWER).unwrap();
        assert_eq!(
            servers["v1"],
            Server {
                weight: 95,
                running: true
            }
        );
        assert_eq!(
            servers["v2"],
            Server {
                weight: 5,
                running: false
            }
        );
    }

    #[test]
    fn an_error_of_haproxy_is_no_empty_table() {
        let error = parse("Can't find backend.\n").unwrap_err();
        assert_eq!(error, ParseError::Refused("Can't find backend.".to_owned()));
        assert!(parse("").is_err());
        assert!(parse("1\n# srv_name\nv1\n").is_err());
    }

    #[test]
    fn shares_become_the_smallest_exact_weights() {
        let cases = [
            (("95%", 1), ("5%", 1), Some((19, 1))),
            (("0%", 1), ("100%", 1), Some((0, 1))),
            (("99.5%", 1), ("0.5%", 1), Some((199, 1))),
            (("99.99%", 1), ("0.01%", 1), None),
            (("95%", 4), ("5%", 4), Some((19, 1))),
            (("95%", 4), ("5%", 2), Some((19, 2))),
            (("75%", 3), ("25%", 2), Some((2, 1))),
            (("99%", 1), ("1%", 4), None),
            (("100%", 3), ("0%", 0), Some((1, 0))),
            (("50%", 3), ("50%", 0), None),
        ];
        for (stable, canary, expected) in cases {
            let part = |(share, servers): (&str, usize)| (share.parse().unwrap(), servers);
            let parts = BTreeMap::from([("v1", part(stable)), ("v2", part(canary))]);
            let found = weights(&parts).ok().map(|found| (found["v1"], found["v2"]));
            assert_eq!(found, expected, "{stable:?} {canary:?}");
        }
    }
}
