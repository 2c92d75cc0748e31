//! References from artifacts to bundles: bills of materials and provenance.

use std::path::Path;

use liftlock::bundle::Bundle;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock_io::evidence::Evidence;

use crate::args;
use crate::found::{Raw, gather, kept};
use crate::wanted::Wanted;

use super::builders::Builders;
use super::collect::Collected;

/// What was referred to.
#[derive(Debug, Default)]
pub(crate) struct Referred {
    /// Bundles that were given as files, with the artifact each is about.
    pub(crate) bundles: Vec<(Digest, Bundle)>,
    /// Digests whose bundle is nowhere to be seen: taken as they are.
    pub(crate) unseen: Vec<Digest>,
}

/// Where references are looked up, and who may have made them.
struct Around<'a> {
    collected: &'a Collected,
    builders: &'a Builders,
    store: Option<&'a Evidence>,
}

/// Adds every `--sbom` and `--provenance` to its artifact.
pub(crate) fn all(
    asked: &args::Release,
    collected: &mut Collected,
    builders: &Builders,
    store: Option<&Evidence>,
) -> Result<Referred, Failure> {
    let mut referred = Referred::default();
    let sbom = asked.sbom.iter().map(|given| (given, Wanted::Sbom));
    let provenance = asked.provenance.iter();
    let provenance = provenance.map(|given| (given, Wanted::Provenance));
    for ((name, text), wanted) in sbom.chain(provenance) {
        let around = Around {
            collected,
            builders,
            store,
        };
        let digest = around.digest(name, text, wanted, &mut referred)?;
        if let Some(piece) = collected.merged.artifacts.get_mut(name) {
            let artifact = &mut piece.artifact;
            let list = match wanted {
                Wanted::Sbom => &mut artifact.sbom,
                Wanted::Signature
                | Wanted::Type(_)
                | Wanted::Built
                | Wanted::ImageSignature
                | Wanted::ImageBuilt
                | Wanted::Provenance => &mut artifact.provenance,
            };
            if !list.contains(&digest) {
                list.push(digest);
            }
        }
    }
    Ok(referred)
}

impl Around<'_> {
    /// The digest of the bundle that a reference means, once it was seen to
    /// say what it should.
    fn digest(
        &self,
        name: &Name,
        text: &str,
        wanted: Wanted<'_>,
        referred: &mut Referred,
    ) -> Result<Digest, Failure> {
        let Some(piece) = self.collected.merged.artifacts.get(name) else {
            let message = format!("`{name}={text}` names no artifact of this release");
            return Err(Failure::new(Kind::Usage, message));
        };
        let about = piece.artifact.digest;
        let told = |failure: Failure| {
            let (kind, lines) = (failure.kind, failure.lines().join(": "));
            Failure::new(
                kind,
                format!("`{text}` is no {wanted} of `{name}`: {lines}"),
            )
        };
        if let Ok(digest) = text.parse::<Digest>() {
            match self.find(name, &about, &digest)? {
                Some(bundle) => self.builders.vouch(&bundle, &about, wanted).map_err(told)?,
                None => referred.unseen.push(digest),
            }
            return Ok(digest);
        }
        let bundle = Raw::read(Path::new(text))?.bundle()?;
        self.builders.vouch(&bundle, &about, wanted).map_err(told)?;
        let digest = bundle.digest();
        referred.bundles.push((about, bundle));
        Ok(digest)
    }

    /// The bundle with this digest, among what is attached to the artifact and
    /// what the evidence store keeps about it.
    fn find(
        &self,
        name: &Name,
        about: &Digest,
        digest: &Digest,
    ) -> Result<Option<Bundle>, Failure> {
        let mut found = match self.collected.targets.get(name) {
            Some(target) => gather(target, Wanted::Built)?,
            None => Vec::new(),
        };
        if let Some(store) = self.store {
            found.extend(kept(store, about)?);
        }
        let same = found.iter().find(|raw| Digest::of(&raw.bytes) == *digest);
        same.map(Raw::bundle).transpose()
    }
}
