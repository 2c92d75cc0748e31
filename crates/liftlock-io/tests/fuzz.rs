//! Every input of the fuzzer's corpus, found and kept or written for it, goes
//! through its target again.
#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[expect(unreachable_pub, reason = "a crate of its own elsewhere")]
#[path = "../../../fuzz/src/lib.rs"]
mod targets;

/// Many times what any input takes, on a busy machine as well.
const PATIENCE: Duration = Duration::from_secs(10);

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

#[test]
fn every_input_is_survived_and_the_corpus_comes_to_every_place() {
    for target in &targets::TARGETS {
        let name = target.name;
        let folder = fuzz().join("corpus").join(name);
        let inputs = names(&folder);
        assert!(!inputs.is_empty(), "`{name}` has no corpus");
        let mut reached = BTreeSet::new();
        for input in inputs {
            println!("{name}/{input}");
            let bytes = fs::read(folder.join(&input)).unwrap();
            let begun = Instant::now();
            (target.run)(&bytes, &mut |place| {
                reached.insert(place);
            });
            assert!(begun.elapsed() < PATIENCE, "{name}/{input} takes too long");
        }
        let places: BTreeSet<&str> = target.places.iter().copied().collect();
        assert_eq!(
            reached, places,
            "places that the corpus of `{name}` reaches"
        );
    }
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    let known: BTreeSet<String> = targets::TARGETS
        .iter()
        .map(|target| target.name.to_owned())
        .collect();
    assert_eq!(names(&fuzz().join("corpus")), known);
    let programs = names(&fuzz().join("fuzz_targets"));
    let programs: BTreeSet<String> = programs
        .iter()
        .map(|file| file.trim_end_matches(".rs").to_owned())
        .collect();
    assert_eq!(programs, known);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in known {
        let program = fs::read_to_string(fuzz().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(
            program.contains(&format!("\"{name}\"")),
            "{name}.rs runs another"
        );
        assert!(
            manifest.contains(&format!("name = \"{name}\"")),
            "{name} is not built"
        );
    }
    assert!(!targets::run("another", b""));
}
