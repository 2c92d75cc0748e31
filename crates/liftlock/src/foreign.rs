//! Releases that nobody wrote down: without a `release.json` the digest of the
//! artifact is the release, and what is told of it follows from that alone.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::digest::Digest;
use crate::failure::{Explain, Kind};
use crate::json;
use crate::name::{self, Name};
use crate::oci;
use crate::release::{Artifact, Identified, Migration, Reference, Release, SCHEMA_VERSION};
use crate::time::Time;

/// An image that is an artifact: `NAME=IMAGE@sha256:…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The artifact's name.
    pub name: Name,
    /// Where it is; its tag says nothing.
    pub reference: oci::Reference,
    /// What it is.
    pub digest: Digest,
}

impl FromStr for Image {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let shape = || ParseError::Shape(text.to_owned());
        let (name, image) = text.split_once('=').ok_or_else(shape)?;
        let reference: oci::Reference = image.parse()?;
        Ok(Self {
            name: name.parse()?,
            digest: reference.digest.ok_or_else(shape)?,
            reference,
        })
    }
}

/// The release that these images are.
///
/// # Errors
///
/// Fails without images, and when two have one name.
pub fn of_images(service: &Name, images: &[Image]) -> Result<Identified, ParseError> {
    let mut artifacts = BTreeMap::new();
    for image in images {
        let place = oci::Reference {
            digest: None,
            ..image.reference.clone()
        };
        let artifact = Artifact {
            digest: image.digest,
            name: place.to_string(),
            size: None,
            sbom: Vec::new(),
            provenance: Vec::new(),
        };
        if artifacts.insert(image.name.clone(), artifact).is_some() {
            return Err(ParseError::Twice(image.name.clone()));
        }
    }
    identified(service, artifacts).ok_or(ParseError::Nothing)
}

/// The images that a release is; none where a `release.json` tells of it.
///
/// # Errors
///
/// Fails when it does not tell where one of them is.
pub fn images(release: &Identified) -> Result<Vec<Image>, ParseError> {
    if !release.reference().is_foreign() {
        return Ok(Vec::new());
    }
    let artifacts = release.release.artifacts.iter();
    artifacts
        .map(|(name, artifact)| format!("{name}={}@{}", artifact.name, artifact.digest).parse())
        .collect()
}

/// The release that a reference tells of; nothing where a `release.json` does.
#[must_use]
pub fn of_reference(service: &Name, reference: &Reference) -> Option<Identified> {
    let artifacts = reference.artifacts.iter().map(|(name, digest)| {
        let artifact = Artifact {
            digest: *digest,
            name: digest.to_string(),
            size: None,
            sbom: Vec::new(),
            provenance: Vec::new(),
        };
        (name.clone(), artifact)
    });
    reference
        .is_foreign()
        .then(|| identified(service, artifacts.collect()))
        .flatten()
}

/// The document that stands in for a `release.json`: the same bytes for the
/// same artifacts, and known by [`digest`] and not by its own.
///
/// # Errors
///
/// Fails never in practice: all fields can be JSON.
pub fn document(release: &Release) -> Result<Vec<u8>, ParseError> {
    Ok(json::line(release).map_err(json::ParseError::from)?)
}

/// Whether these bytes are the stand-in for this very release.
pub(crate) fn stands_in(bytes: &[u8], release: &Release) -> Option<Digest> {
    let found = identified(&release.service, release.artifacts.clone())?;
    let same = found.release == *release && document(&found.release).is_ok_and(|own| own == bytes);
    same.then_some(found.digest)
}

fn identified(service: &Name, artifacts: BTreeMap<Name, Artifact>) -> Option<Identified> {
    let digests = artifacts
        .iter()
        .map(|(name, artifact)| (name.clone(), artifact.digest));
    let digest = digest(&digests.collect())?;
    Some(Identified {
        digest,
        release: Release {
            schema_version: SCHEMA_VERSION,
            id: format!("{service}-{}", digest.short()),
            service: service.clone(),
            version: digest.short(),
            commit: None,
            artifacts,
            owner: "unknown".to_owned(),
            notes: None,
            notes_digest: None,
            migration: Migration::None,
            created_at: Time::EPOCH,
            run_url: None,
            authors: Vec::new(),
        },
    })
}

/// What a release without `release.json` is known by: the digest of its one
/// artifact; of several, the digest of their list as `sha256sum` writes it, in
/// the order of their names.
fn digest(artifacts: &BTreeMap<Name, Digest>) -> Option<Digest> {
    let mut each = artifacts.iter();
    match (each.next(), each.next()) {
        (None, _) => None,
        (Some((_, only)), None) => Some(*only),
        (Some(_), Some(_)) => {
            let lines = artifacts
                .iter()
                .map(|(name, digest)| format!("{}  {name}\n", digest.hex()));
            Some(Digest::of(lines.collect::<String>().as_bytes()))
        }
    }
}

impl Reference {
    /// What its artifacts alone are known by, whatever tells of them.
    #[must_use]
    pub fn of_artifacts(&self) -> Option<Digest> {
        digest(&self.artifacts)
    }

    /// Whether its artifacts alone are the release, without a `release.json`.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        self.of_artifacts() == Some(self.digest)
    }
}

/// The text names no artifact.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Something is missing.
    #[error("`{0}` is not NAME=IMAGE@sha256:DIGEST")]
    Shape(String),
    /// No name.
    #[error("the artifact has no usable name")]
    Name(#[from] name::ParseError),
    /// No image.
    #[error("the artifact has no usable image")]
    Image(#[from] oci::reference::ParseError),
    /// One name for two.
    #[error("artifact `{0}` is there twice")]
    Twice(Name),
    /// No artifact.
    #[error("a release without artifacts is none")]
    Nothing,
    /// No document.
    #[error("cannot write what stands in for `release.json`")]
    Write(#[from] json::ParseError),
}

impl Explain for ParseError {
    fn kind(&self) -> Kind {
        match self {
            Self::Write(_) => Kind::Bug,
            Self::Shape(_) | Self::Name(_) | Self::Image(_) | Self::Twice(_) | Self::Nothing => {
                Kind::Usage
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str, bytes: &[u8]) -> Image {
        let digest = Digest::of(bytes);
        let text = format!("{name}=registry.example/shop/{name}:v1@{digest}");
        text.parse().unwrap()
    }

    fn shop() -> Name {
        "shop".parse().unwrap()
    }

    #[test]
    fn one_artifact_is_the_release_and_several_are_their_list() {
        let one = of_images(&shop(), &[image("api", b"a")]).unwrap();
        assert_eq!(one.digest, Digest::of(b"a"));
        assert_eq!(one.release.id, format!("shop-{}", Digest::of(b"a").short()));
        assert_eq!(
            one.release.artifacts["api"].name,
            "registry.example/shop/api:v1"
        );
        let two = of_images(&shop(), &[image("web", b"w"), image("api", b"a")]).unwrap();
        let list = format!(
            "{}  api\n{}  web\n",
            Digest::of(b"a").hex(),
            Digest::of(b"w").hex()
        );
        assert_eq!(two.digest, Digest::of(list.as_bytes()));
        assert!(one.reference().is_foreign() && two.reference().is_foreign());
        let found = images(&two).unwrap();
        assert_eq!(of_images(&shop(), &found).unwrap(), two);
        let known = of_reference(&shop(), &two.reference()).unwrap();
        assert_eq!(known.reference(), two.reference());
    }

    #[test]
    fn the_stand_in_is_read_as_what_it_stands_for_and_no_other_file_is() {
        let release = of_images(&shop(), &[image("api", b"a")]).unwrap();
        let bytes = document(&release.release).unwrap();
        assert_eq!(Identified::parse(&bytes).unwrap(), release);
        let text = String::from_utf8(bytes).unwrap();
        let others = [
            format!("{text} "),
            text.replace("\"unknown\"", "\"team\""),
            text.replace("\"none\"", "\"expand\""),
            text.replace("1970", "2026"),
        ];
        for other in others {
            assert_ne!(other, text);
            let read = Identified::parse(other.as_bytes()).unwrap();
            assert_eq!(read.digest, Digest::of(other.as_bytes()));
            assert!(!read.reference().is_foreign());
            assert_eq!(of_reference(&shop(), &read.reference()), None);
        }
    }

    #[test]
    fn what_names_no_image_by_its_digest_is_refused() {
        let digest = Digest::of(b"a");
        let bad = [
            "api".to_owned(),
            "api=registry.example/shop/api:v1".to_owned(),
            format!("registry.example/shop/api@{digest}"),
            format!("=registry.example/shop/api@{digest}"),
            format!("api={digest}"),
            "api=registry.example/shop/api@sha256:12".to_owned(),
        ];
        for text in bad {
            assert!(text.parse::<Image>().is_err(), "{text}");
        }
        let twice = [image("api", b"a"), image("api", b"b")];
        assert!(matches!(
            of_images(&shop(), &twice),
            Err(ParseError::Twice(_))
        ));
        assert!(matches!(of_images(&shop(), &[]), Err(ParseError::Nothing)));
    }
}
