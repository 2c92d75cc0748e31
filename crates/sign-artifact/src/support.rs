//! What `doctor` says about an image's registry, and about who reads what is
//! written there.

use liftlock::failure::{Failure, Kind};
use liftlock::oci::Descriptor;
use liftlock::oci::compat::{Answer, Format, VERIFIERS, Verifier};
use liftlock_io::oci::Repository;

/// Whether the registry may be written to find out what it allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    /// It may not.
    Spared,
    /// A manifest that means nothing is written and removed.
    Probed,
}

/// How attached things are listed, and what that means for several writers.
pub(crate) fn listing(repository: &Repository, descriptor: &Descriptor) -> Result<String, Failure> {
    let support = repository.support(&descriptor.digest)?;
    match (repository, support.referrers, support.tags) {
        (Repository::Layout(_), _, _) => Ok("a folder, changed under a lock".to_owned()),
        (Repository::Registry(_), true, _) => {
            Ok("referrers API: bundles need no tag, several writers are safe".to_owned())
        }
        (Repository::Registry(_), false, true) => {
            Ok("no referrers API, the tag `sha256-…` stands in; its tags are listed, so several writers are safe".to_owned())
        }
        (Repository::Registry(_), false, false) => Err(Failure::new(
            Kind::Upstream,
            "no referrers API and no list of tags: several writers at once may undo each other, sign one after the other",
        )),
    }
}

/// Whether manifests can be written.
pub(crate) fn writing(repository: &Repository, writing: Writing) -> Result<String, Failure> {
    match writing {
        Writing::Spared => Ok("not tried, `--probe-write` does".to_owned()),
        Writing::Probed => {
            let probe = repository.probe()?;
            let rest = match probe.removed {
                true => "was removed again".to_owned(),
                false => format!(
                    "stays as the tag `{}`, the registry removes nothing",
                    probe.tag
                ),
            };
            Ok(format!(
                "blobs, manifests and tags can be written; what was written {rest}"
            ))
        }
    }
}

/// One line about a verifier.
pub(crate) fn line(verifier: &Verifier, format: Format) -> String {
    let answer = match verifier.answer(format) {
        Answer::Yes => "accepts it".to_owned(),
        Answer::With(how) => format!("accepts it with `{how}`"),
        Answer::No(why) => format!("does not accept it: {why}"),
        Answer::Unclear(why) => format!("unclear: {why}"),
    };
    format!("{:<34}{answer} ({})\n", verifier.name, verifier.source)
}

/// The whole table for a format.
pub(crate) fn table(format: Format) -> String {
    VERIFIERS.iter().map(|one| line(one, format)).collect()
}
