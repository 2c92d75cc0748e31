//! Releases on GitHub as a pointer: the one that is the latest has a file, and
//! GitHub's digest of this file is what is live.

use serde::Deserialize;

use super::Live;
use crate::digest::Digest;
use crate::glob::Fits;

/// A release as GitHub tells it.
#[derive(Clone, Debug, Deserialize)]
pub struct Release {
    /// Its number.
    pub id: u64,
    /// Its tag.
    pub tag_name: String,
    /// Whether only its makers see it.
    pub draft: bool,
    /// Whether it is no release yet.
    pub prerelease: bool,
    /// Its files.
    pub assets: Vec<Asset>,
}

/// A file of a release.
#[derive(Clone, Debug, Deserialize)]
pub struct Asset {
    /// Its name.
    pub name: String,
    /// What GitHub computed of it; nothing for files of before June 2025.
    #[serde(default)]
    pub digest: Option<String>,
}

/// The name of a file, or a pattern such as `shop-*.tar.gz`.
#[must_use]
pub fn fits(pattern: &str, name: &str) -> bool {
    Fits::stars(pattern).matches(name)
}

impl Release {
    /// What it says as the latest one.
    #[must_use]
    pub fn says(&self, asset: &str) -> Live {
        let tag = &self.tag_name;
        let mut found = self.assets.iter().filter(|one| fits(asset, &one.name));
        match (found.next(), found.next()) {
            (None, _) => Live::Strange(format!("release {tag} has no file `{asset}`")),
            (Some(_), Some(_)) => {
                Live::Strange(format!("release {tag} has several files `{asset}`"))
            }
            (Some(one), None) => match one.digest.as_deref().map(str::parse) {
                Some(Ok(digest)) => Live::At(digest),
                Some(Err(_)) | None => Live::Strange(format!(
                    "GitHub tells no SHA-256 of `{}` in release {tag}",
                    one.name
                )),
            },
        }
    }
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
        .filter(|one| !one.draft && one.says(asset).is(Some(*digest)));
    only(found, |one| &one.tag_name, (asset, digest))
}

/// The only one of some.
pub(super) fn only<'a, R>(
    mut found: impl Iterator<Item = &'a R>,
    tag: impl Fn(&'a R) -> &'a str,
    (asset, digest): (&str, &Digest),
) -> Result<&'a R, NotOne> {
    let (asset, digest) = (asset.to_owned(), digest.to_string());
    match (found.next(), found.next()) {
        (Some(release), None) => Ok(release),
        (None, _) => Err(NotOne::None { asset, digest }),
        (Some(one), Some(other)) => Err(NotOne::Several {
            asset,
            digest,
            tags: format!("{} and {}", tag(one), tag(other)),
        }),
    }
}

/// No release to point at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOne {
    /// Not there, or a draft.
    #[error("no release has a file `{asset}` with {digest}")]
    None {
        /// The file.
        asset: String,
        /// What it should have.
        digest: String,
    },
    /// More than one.
    #[error("{tags} both have a file `{asset}` with {digest}")]
    Several {
        /// The file.
        asset: String,
        /// What it has.
        digest: String,
        /// Two of the releases.
        tags: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(id: u64, assets: &[(&str, Option<&str>)]) -> Release {
        let assets = assets.iter().map(|(name, digest)| Asset {
            name: (*name).to_owned(),
            digest: digest.map(str::to_owned),
        });
        Release {
            id,
            tag_name: format!("v{id}"),
            draft: false,
            prerelease: false,
            assets: assets.collect(),
        }
    }

    #[test]
    fn the_one_file_with_its_digest_is_live_and_nothing_else() {
        let digest = Digest::of(b"x");
        let text = digest.to_string();
        let good = release(1, &[("notes.md", None), ("shop-1.tgz", Some(&text))]);
        assert_eq!(good.says("shop-1.tgz"), Live::At(digest));
        assert_eq!(good.says("shop-*.tgz"), Live::At(digest));
        let strange = [
            (release(1, &[]), "shop-*"),
            (release(1, &[("shop-1", None)]), "shop-*"),
            (release(1, &[("shop-1", Some("sha512:00"))]), "shop-*"),
            (
                release(1, &[("shop-1", Some(&text)), ("shop-2", Some(&text))]),
                "shop-*",
            ),
            (good, "shop-1"),
        ];
        for (release, asset) in strange {
            let said = release.says(asset);
            assert!(matches!(said, Live::Strange(_)), "{said:?}");
        }
    }

    #[test]
    fn a_digest_leads_to_exactly_one_release() {
        let digest = Digest::of(b"x");
        let text = digest.to_string();
        let with = |id| release(id, &[("shop", Some(text.as_str()))]);
        let draft = Release {
            draft: true,
            ..with(2)
        };
        let all = [with(1), draft, release(3, &[])];
        assert_eq!(of(&all, "shop", &digest).unwrap().id, 1);
        let none = of(&all[1..], "shop", &digest).unwrap_err();
        assert!(matches!(none, NotOne::None { .. }));
        let several = of(&[with(1), with(4)], "shop", &digest).unwrap_err();
        assert!(
            several.to_string().starts_with("v1 and v4 both"),
            "{several}"
        );
    }
}
