//! Tags of OCI repositories.

use std::path::Path;
use std::time::Duration;

use liftlock::config::pointer::RegistryTag;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::oci::{Place, Reference, Tag, Version};

use crate::http::Options;
use crate::oci::{self, Copied, Repository};

/// How long a tag may take to move.
pub const TIMEOUT: Duration = Duration::from_secs(60);

pub(super) fn copy(
    target: &RegistryTag,
    from: &str,
    image: &Digest,
    ca_file: Option<&Path>,
) -> Result<Copied, Failure> {
    let (place, _) = parse(target)?;
    let source: Reference = from.parse().map_err(Failure::from)?;
    if source.tag.is_some() || source.digest.is_some() {
        let message = format!("`{from}` is not a repository but an image of one");
        return Err(Failure::new(Kind::Invalid, message).with_hint("write HOST/REPOSITORY"));
    }
    let (source, target) = (open(&source.place, ca_file)?, open(&place, ca_file)?);
    Ok(oci::copy(&source, &target, (image, None))?)
}

/// Where a tag points; `None` where it is not there.
pub(super) fn read(
    target: &RegistryTag,
    ca_file: Option<&Path>,
) -> Result<Option<Digest>, Failure> {
    let (place, tag) = parse(target)?;
    let repository = open(&place, ca_file)?;
    let found = repository.resolve(Some(&Version::Tag(tag)))?;
    Ok(found.map(|found| found.digest))
}

/// The manifest that is missing for a tag to point at an image: of an index
/// everything below it has to be there too; `None` when nothing is missing.
pub(super) fn lacks(
    target: &RegistryTag,
    image: &Digest,
    ca_file: Option<&Path>,
) -> Result<Option<Digest>, Failure> {
    let (place, _) = parse(target)?;
    Ok(open(&place, ca_file)?.lacks(image)?)
}

/// As [`lacks`], where what is not there may be where it would be copied from.
pub(super) fn missing(
    target: &RegistryTag,
    image: &Digest,
    ca_file: Option<&Path>,
) -> Result<Option<Digest>, Failure> {
    let lacks = lacks(target, image, ca_file)?;
    let (Some(_), Some(from)) = (lacks, &target.from) else {
        return Ok(lacks);
    };
    let source: Reference = from.parse().map_err(Failure::from)?;
    Ok(open(&source.place, ca_file)?.lacks(image)?)
}

/// Makes a tag point at a manifest that is there already.
pub(super) fn point(
    target: &RegistryTag,
    to: &Digest,
    ca_file: Option<&Path>,
) -> Result<(), Failure> {
    let (place, tag) = parse(target)?;
    open(&place, ca_file)?.tag(&tag, to)?;
    Ok(())
}

fn open(place: &Place, ca_file: Option<&Path>) -> Result<Repository, Failure> {
    let options = Options {
        ca_file: ca_file.map(Path::to_owned),
        timeout: TIMEOUT / 4,
    };
    Ok(Repository::open(place, &options)?)
}

fn parse(target: &RegistryTag) -> Result<(Place, Tag), Failure> {
    let text = format!("{}:{}", target.image, target.tag);
    let reference: Reference = text.parse().map_err(Failure::from)?;
    match (reference.tag, reference.digest) {
        (Some(tag), None) => Ok((reference.place, tag)),
        (_, _) => Err(Failure::new(
            Kind::Invalid,
            format!("`{text}` is not the tag of a repository"),
        )),
    }
}
