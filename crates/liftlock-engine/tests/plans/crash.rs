//! A process that dies at any of its writes, and whoever comes next.

use liftlock::verdict::Verdict;
use liftlock_engine::Outcome;

use crate::stage::{End, Stage, Way, folder};
use crate::store::{Death, Life};

pub(crate) type Ready<'a> = &'a dyn Fn(&mut Stage) -> liftlock::release::Identified;

/// Runs one plan undisturbed, then dying at every write, before and after it.
pub(crate) fn at_every_write(way: Way, ready: Ready<'_>, verdict: Verdict) {
    at_every_write_of("", way, ready, verdict);
}

/// The same at writes of keys that begin like this: those of the state are the
/// boundaries of effects.
pub(crate) fn at_every_write_of(keys: &str, way: Way, ready: Ready<'_>, verdict: Verdict) {
    let folder = folder();
    let scene = |death: Death| {
        let mut stage = Stage::new(folder.path());
        let release = ready(&mut stage);
        let world = stage.world(&Life::new(Death::Never));
        let plan = stage.plan(&world, &release, way);
        let life = Life::new(death);
        let first = stage.drive_in(&stage.world(&life), &plan, way);
        (stage, plan, first, life.wrote())
    };
    let (stage, _, outcome, writes) = scene(Death::Never);
    let outcome: Outcome = outcome.unwrap();
    assert_eq!(outcome.verdict, verdict, "{:?}", outcome.turned);
    let wanted: End = stage.end();
    let numbered = (1..).zip(&writes);
    let chosen = numbered.filter(|(_, key)| key.starts_with(keys));
    let chosen: Vec<usize> = chosen.map(|(at, _)| at).collect();
    assert!(chosen.len() > 10, "{writes:?}");
    assert!(!wanted.leased, "the lease is given up at the end");
    let once = |lines: &[String]| {
        let mut unique = lines.to_vec();
        unique.dedup();
        unique.len() == lines.len()
    };
    assert!(once(&wanted.placed) && once(&wanted.ids), "{wanted:#?}");
    for at in chosen {
        for death in [Death::Before(at), Death::After(at)] {
            let (stage, plan, first, _) = scene(death);
            let last = stage.document().run.and_then(|run| run.verdict);
            if last.is_none() || stage.document().run.is_none_or(|run| run.id != plan.id()) {
                assert!(first.is_err(), "{death:?}: it died and did not notice");
                let (second, _) = stage.drive(&plan, way, Death::Never);
                let second = second
                    .unwrap_or_else(|failure| panic!("{death:?}: {}", failure.lines().join(": ")));
                assert_eq!(second.verdict, verdict, "{death:?}: {:?}", second.turned);
            } else {
                stage.tell();
            }
            assert_eq!(stage.end(), wanted, "{death:?}");
        }
    }
}

#[test]
fn a_promotion_that_died_at_any_write_is_finished_by_whoever_comes_next() {
    let ready: Ready<'_> = &|stage| {
        stage.up(&stage.release("1"));
        stage.release("2")
    };
    at_every_write(Way::Up, ready, Verdict::Pass);
}

#[test]
fn a_first_release_that_died_at_any_write_is_finished_too() {
    at_every_write(Way::Up, &|stage| stage.release("1"), Verdict::Pass);
}

#[test]
fn a_bad_release_goes_back_whenever_its_process_died() {
    let ready: Ready<'_> = &|stage| {
        stage.up(&stage.release("1"));
        stage.release("2-bad")
    };
    at_every_write(Way::Up, ready, Verdict::Fail);
}

#[test]
fn a_rollback_that_died_at_any_write_is_finished_by_whoever_comes_next() {
    let ready: Ready<'_> = &|stage| {
        let first = stage.release("1");
        stage.up(&first);
        stage.up(&stage.release("2"));
        stage.up(&stage.release("3"));
        first
    };
    at_every_write(Way::Down, ready, Verdict::Pass);
}
