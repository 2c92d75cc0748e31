//! Releases on GitLab as a pointer: the description of the latest one has a
//! line of checksums for the file. GitLab knows no digest of its files.

use serde::Deserialize;

use super::Live;
use super::release::{NotOne, fits, only};
use crate::digest::Digest;
use crate::span::Span;
use crate::time::Time;

/// A release as GitLab tells it.
#[derive(Clone, Debug, Deserialize)]
pub struct Release {
    /// Its tag.
    pub tag_name: String,
    /// What its makers wrote.
    #[serde(default)]
    pub description: Option<String>,
    /// Since when it is a release: the latest is the one with the latest time.
    pub released_at: Time,
    /// Whether that is still to come.
    #[serde(default)]
    pub upcoming_release: bool,
}

impl Release {
    /// What it says as the latest one: the one line as `sha256sum` writes it,
    /// `HEX  NAME`, whose name fits.
    #[must_use]
    pub fn says(&self, asset: &str) -> Live {
        let tag = &self.tag_name;
        let lines = self.description.iter().flat_map(|text| text.lines());
        let mut found = lines.filter_map(|line| checksum(line, asset));
        match (found.next(), found.next()) {
            (Some(digest), None) => Live::At(digest),
            (None, _) => Live::Strange(format!(
                "the description of release {tag} has no line `SHA256  {asset}`"
            )),
            (Some(_), Some(_)) => Live::Strange(format!(
                "the description of release {tag} has several lines `SHA256  {asset}`"
            )),
        }
    }
}

fn checksum(line: &str, asset: &str) -> Option<Digest> {
    let (hex, name) = line.trim().split_once(' ')?;
    let name = name.strip_prefix([' ', '*'])?;
    let digest = Digest::from_hex(hex).ok()?;
    fits(asset, name).then_some(digest)
}

/// The latest of some.
#[must_use]
pub fn latest(releases: &[Release]) -> Option<&Release> {
    let past = releases.iter().filter(|one| !one.upcoming_release);
    past.max_by_key(|one| one.released_at)
}

/// The time that makes a release the latest: now, and after the latest.
#[must_use]
pub fn newer(latest: Option<&Release>, now: Time) -> Time {
    let after = latest.map(|latest| latest.released_at.after(Span::from_millis(1)));
    after.map_or(now, |after| after.max(now))
}

/// The release that a digest is of, among all.
///
/// # Errors
///
/// Fails where there is none, or several.
pub fn of<'a>(
    releases: &'a [Release],
    asset: &str,
    digest: &Digest,
) -> Result<&'a Release, NotOne> {
    let found = releases
        .iter()
        .filter(|one| one.says(asset).is(Some(*digest)));
    only(found, |one| &one.tag_name, (asset, digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(tag: &str, description: &str, at: i64) -> Release {
        Release {
            tag_name: tag.to_owned(),
            description: Some(description.to_owned()),
            released_at: Time::from_unix_millis(at).unwrap(),
            upcoming_release: false,
        }
    }

    #[test]
    fn one_line_of_checksums_is_live_and_nothing_else() {
        let digest = Digest::of(b"x");
        let (hex, other) = (digest.hex(), Digest::of(b"y").hex());
        let says = |text: &str| release("v1", text, 1).says("shop-*.tgz");
        for text in [
            format!("# News\n\n```\n{hex}  shop-1.tgz\n{other}  notes.md\n```\n"),
            format!("    {hex} *shop-1.tgz\r\n"),
        ] {
            assert_eq!(says(&text), Live::At(digest), "{text}");
        }
        for text in [
            String::new(),
            format!("{hex}  other.tgz"),
            format!("{hex} shop-1.tgz"),
            format!("see {hex}  shop-1.tgz"),
            format!("{}  shop-1.tgz", &hex[1..]),
            format!("{hex}  shop-1.tgz\n{other}  shop-2.tgz"),
        ] {
            assert!(matches!(says(&text), Live::Strange(_)), "{text}");
        }
        let silent = Release {
            description: None,
            ..release("v1", "", 1)
        };
        assert!(matches!(silent.says("shop"), Live::Strange(_)));
    }

    #[test]
    fn the_latest_is_by_its_time_and_not_to_come() {
        let mut all = [
            release("a", "", 5),
            release("b", "", 7),
            release("c", "", 9),
        ];
        all[2].upcoming_release = true;
        assert_eq!(latest(&all).unwrap().tag_name, "b");
        assert!(latest(&[]).is_none());
        let at = |millis| Time::from_unix_millis(millis).unwrap();
        assert_eq!(newer(latest(&all), at(6)), at(8));
        assert_eq!(newer(latest(&all), at(60)), at(60));
        assert_eq!(newer(None, at(6)), at(6));
    }

    #[test]
    fn a_digest_leads_to_exactly_one_release() {
        let line = format!("{}  shop", Digest::of(b"x").hex());
        let all = [release("a", &line, 5), release("b", "", 7)];
        assert_eq!(of(&all, "shop", &Digest::of(b"x")).unwrap().tag_name, "a");
        assert!(of(&all, "shop", &Digest::of(b"y")).is_err());
        let twice = [release("a", &line, 5), release("b", &line, 7)];
        assert!(of(&twice, "shop", &Digest::of(b"x")).is_err());
    }
}
