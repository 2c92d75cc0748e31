//! One signed statement over many files, cut where readers have a limit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use liftlock::digest::Digest;
use liftlock::failure::Failure;
use liftlock::predicate::SIGNATURE;
use liftlock::shard;
use liftlock::statement::{Statement, Subject};

use crate::pen::{Made, Pen};
use crate::target::Target;

/// Signs files by their digests as a statement: for several files at once, and
/// for keys that cannot sign what was hashed already.
pub(crate) fn sign(pen: &Pen<'_>, subjects: Vec<Subject>) -> Result<(Statement, Made), Failure> {
    let statement = Statement::new(subjects, SIGNATURE, &serde_json::Map::new())?;
    let made = pen.attest(&statement)?;
    Ok((statement, made))
}

/// A piece of what one statement is about: as many targets as everybody reads.
#[derive(Debug)]
pub(crate) struct Shard<'a> {
    /// The targets.
    pub(crate) targets: &'a [Target],
    /// The same as subjects, each once.
    pub(crate) subjects: Vec<Subject>,
}

/// Cuts targets into pieces.
pub(crate) fn shards(targets: &[Target]) -> Vec<Shard<'_>> {
    let labels = labels(targets);
    targets
        .chunks(shard::MOST_SUBJECTS)
        .map(|targets| {
            let mut subjects: Vec<Subject> = Vec::new();
            for target in targets {
                let subject = subject(target, &labels);
                // Readers refuse a subject that is there twice.
                if !subjects.contains(&subject) {
                    subjects.push(subject);
                }
            }
            Shard { targets, subjects }
        })
        .collect()
}

/// The names of the bundles of so many pieces.
pub(crate) fn places(whole: &Path, shards: usize) -> Vec<PathBuf> {
    if shards <= 1 {
        return vec![whole.to_owned()];
    }
    (1..=shards).map(|number| place(whole, number)).collect()
}

/// The name of the bundle of one piece.
pub(crate) fn place(whole: &Path, number: usize) -> PathBuf {
    match whole.file_name().and_then(|name| name.to_str()) {
        Some(name) => whole.with_file_name(shard::name(name, number)),
        None => crate::target::beside(whole, &format!(".{number}.sigstore.json")),
    }
}

/// Which digests each label is used for.
type Labels<'a> = BTreeMap<&'a str, Digest>;

/// Labels that mean one thing only.
fn labels(targets: &[Target]) -> Labels<'_> {
    let mut seen: BTreeMap<&str, Option<Digest>> = BTreeMap::new();
    for target in targets {
        let Some(label) = target.label.as_deref() else {
            continue;
        };
        seen.entry(label)
            .and_modify(|known| *known = known.filter(|digest| *digest == target.digest))
            .or_insert(Some(target.digest));
    }
    seen.into_iter()
        .filter_map(|(label, digest)| Some((label, digest?)))
        .collect()
}

/// Two files of one name in different folders are told apart by their paths.
fn subject(target: &Target, labels: &Labels<'_>) -> Subject {
    match target.label.as_deref() {
        Some(label) if !labels.contains_key(label) => {
            Subject::named(&target.digest, target.text.as_str())
        }
        Some(_) | None => target.subject(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &str, bytes: &[u8]) -> Target {
        Target::unread(path.into(), Digest::of(bytes))
    }

    fn names(targets: &[Target]) -> Vec<String> {
        let shards = shards(targets);
        let subjects = shards.iter().flat_map(|shard| &shard.subjects);
        subjects
            .map(|subject| subject.name.clone().unwrap())
            .collect()
    }

    #[test]
    fn names_that_would_mean_two_things_become_paths() {
        let same = [target("a/x", b"1"), target("b/y", b"2")];
        assert_eq!(names(&same), ["x", "y"]);
        let other = [target("a/x", b"1"), target("b/x", b"2"), target("c", b"3")];
        assert_eq!(names(&other), ["a/x", "b/x", "c"]);
        let twice = [target("a/x", b"1"), target("b/x", b"1")];
        assert_eq!(names(&twice), ["x"], "the same subject once");
    }

    #[test]
    fn no_piece_is_about_more_than_everybody_reads() {
        let targets: Vec<Target> = (0..2049_u32)
            .map(|number| target(&format!("f{number}"), &number.to_be_bytes()))
            .collect();
        let shards = shards(&targets);
        let counts: Vec<usize> = shards.iter().map(|shard| shard.subjects.len()).collect();
        assert_eq!(counts, [1024, 1024, 1]);
        let places = places(Path::new("out/dist.sigstore.json"), 3);
        assert_eq!(places[2], Path::new("out/dist.3.sigstore.json"));
        assert_eq!(super::places(Path::new("d"), 1), [Path::new("d")]);
    }
}
