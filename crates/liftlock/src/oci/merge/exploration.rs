//! Walks every order in which several writers of one list can take their steps.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::super::document::{Descriptor, MANIFEST};
use super::super::view::{Attached, View};
use super::{Effect, Merge, Next};

const ATTACHED: Attached = Attached::Signatures;

/// The entry of a writer.
pub(super) fn entry(writer: usize) -> Descriptor {
    Descriptor::of(MANIFEST, writer.to_string().as_bytes())
}

/// What a writer does next. Each is one request, which the registry answers
/// as if no other came at the same moment.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Publish,
    Find,
    Read,
    Write(View),
    Ended,
}

#[derive(Clone, Debug)]
struct Writer {
    name: usize,
    step: Step,
    merge: Merge,
}

#[derive(Clone, Debug)]
struct World {
    objects: BTreeSet<usize>,
    list: View,
    writers: Vec<Writer>,
}

/// How a writer of the model behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// As ours.
    Ours,
    /// It ends after its writing without looking again.
    Hasty,
    /// It does not look for objects, only at the list.
    Blind,
}

fn begin(count: usize) -> World {
    let writers = (0..count).map(|name| Writer {
        name,
        step: Step::Publish,
        merge: Merge::new(ATTACHED, Effect::Write),
    });
    World {
        objects: BTreeSet::new(),
        list: View::empty(ATTACHED),
        writers: writers.collect(),
    }
}

impl World {
    /// The world after one writer's next step; nothing when it has ended.
    fn after(&self, index: usize, manner: Manner) -> Option<Self> {
        let mut world = self.clone();
        let writer = &mut world.writers[index];
        match &writer.step {
            Step::Ended => return None,
            Step::Publish => {
                world.objects.insert(writer.name);
                writer.merge.learn(entry(writer.name));
                writer.step = Step::Find;
            }
            Step::Find => {
                if manner != Manner::Blind {
                    let objects = world.objects.iter();
                    objects.for_each(|name| writer.merge.learn(entry(*name)));
                }
                writer.step = Step::Read;
            }
            Step::Read => {
                writer.step = match writer.merge.judge(world.list.clone()) {
                    Next::Write(view) => Step::Write(view),
                    Next::Settle => Step::Find,
                    Next::Done(_) => Step::Ended,
                    Next::Contended => panic!("contended"),
                }
            }
            Step::Write(view) => {
                world.list = view.clone();
                writer.step = match manner {
                    Manner::Hasty => Step::Ended,
                    Manner::Ours | Manner::Blind => Step::Find,
                }
            }
        }
        Some(world)
    }

    /// Everything that tells two worlds apart. Rounds do not: they only end
    /// what goes on for too long.
    fn key(&self) -> String {
        let names = |view: &View| -> String {
            let digests = view.entries().iter().map(|entry| entry.digest.short());
            digests.map(|name| name[..2].to_owned()).collect()
        };
        let mut key = format!("{:?} {}", self.objects, names(&self.list));
        for writer in &self.writers {
            let merge = &writer.merge;
            let known = merge.known.values().map(|entry| entry.digest.short());
            let known: String = known.map(|name| name[..2].to_owned()).collect();
            let step = match &writer.step {
                Step::Write(view) => names(view),
                step @ (Step::Publish | Step::Find | Step::Read | Step::Ended) => {
                    format!("{step:?}")
                }
            };
            let wrote = merge.added > 0;
            key.push_str(&format!("|{step} {known} {wrote} {}", merge.settled));
        }
        key
    }

    fn is_over(&self) -> bool {
        let mut writers = self.writers.iter();
        writers.all(|writer| writer.step == Step::Ended)
    }

    /// Whether the list holds every object.
    fn is_complete(&self) -> bool {
        let ids = self.list.ids();
        let mut objects = self.objects.iter();
        objects.all(|name| ids.contains(&ATTACHED.id(&entry(*name))))
    }
}

/// Every world that can be reached, and how many of those in which all
/// writers have ended lack an object.
fn explore(count: usize, manner: Manner) -> (Vec<World>, usize) {
    let mut seen = HashSet::new();
    let mut waiting = vec![begin(count)];
    let mut reached = Vec::new();
    let mut losses = 0;
    while let Some(world) = waiting.pop() {
        let next = (0..count).filter_map(|index| world.after(index, manner));
        waiting.extend(next.filter(|world| seen.insert(world.key())));
        losses += usize::from(world.is_over() && !world.is_complete());
        reached.push(world);
    }
    (reached, losses)
}

#[test]
fn no_order_of_steps_loses_an_entry() {
    for count in 1..=3 {
        let (reached, losses) = explore(count, Manner::Ours);
        let over = reached.iter().filter(|world| world.is_over()).count();
        assert!(over > 0, "{count} writers end");
        assert_eq!(losses, 0, "{count} writers, {} worlds", reached.len());
    }
}

#[test]
fn writers_that_do_less_lose_entries_so_that_the_walk_would_show_it() {
    for manner in [Manner::Hasty, Manner::Blind] {
        let (_, losses) = explore(2, manner);
        assert!(losses > 0, "{manner:?}");
    }
}

/// Whoever stops anywhere leaves an object or nothing, and one repair after
/// the others have ended or stopped brings every object into the list.
#[test]
fn a_writer_may_stop_at_any_step_and_a_repair_completes_the_list() {
    let (reached, _) = explore(2, Manner::Ours);
    for world in reached {
        let mut list = world.list.clone();
        let mut merge = Merge::new(ATTACHED, Effect::Write);
        loop {
            let objects = world.objects.iter();
            objects.for_each(|name| merge.learn(entry(*name)));
            match merge.judge(list.clone()) {
                Next::Write(view) => list = view,
                Next::Settle => {}
                Next::Done(_) => break,
                Next::Contended => panic!("contended"),
            }
        }
        let repaired = World { list, ..world };
        assert!(repaired.is_complete(), "{}", repaired.key());
    }
}

#[test]
fn entries_of_others_that_were_there_before_stay() {
    let foreign = entry(9);
    let mut world = begin(2);
    world
        .list
        .add(&BTreeMap::from([(ATTACHED.id(&foreign), foreign.clone())]));
    let mut waiting = vec![world];
    let mut seen = HashSet::new();
    while let Some(world) = waiting.pop() {
        if seen.insert(world.key()) {
            assert!(world.list.entries().contains(&foreign), "{}", world.key());
            waiting.extend((0..2).filter_map(|index| world.after(index, Manner::Ours)));
        }
    }
}
