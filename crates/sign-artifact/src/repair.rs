//! `repair`: rebuilds the lists under tags from what single signers wrote.

use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::oci::Tag;
use liftlock::oci::merge::Effect;
use liftlock::oci::view::Attached;
use liftlock::report::Report;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use serde::Serialize;

use crate::args::Repair;
use crate::image::Reach;
use crate::target::{Place, Target};

#[derive(Serialize)]
struct Repaired {
    lists: Vec<List>,
}

#[derive(Serialize)]
struct List {
    digest: Digest,
    kind: Attached,
    tag: Tag,
    entries: usize,
    added: usize,
}

pub(crate) fn run(asked: &Repair, session: &Session) -> Result<Report, Failure> {
    let effect = match session.dry_run {
        true => Effect::Look,
        false => Effect::Write,
    };
    let mut lists = Vec::new();
    for text in &asked.images {
        let target = Target::find(text, session)?;
        let Place::Image {
            repository,
            descriptor,
        } = &target.place
        else {
            let message = format!("`{text}` is no image in a registry");
            return Err(Failure::new(Kind::Usage, message));
        };
        let images = match asked.recursive.reach() {
            Reach::One => vec![descriptor.clone()],
            Reach::All => repository.tree(descriptor)?,
        };
        for image in images {
            for kind in Attached::ALL {
                session.check()?;
                let merged = repository.repair(&image.digest, kind, effect)?;
                lists.push(List {
                    digest: image.digest,
                    kind,
                    tag: kind.tag(&image.digest),
                    entries: merged.entries,
                    added: merged.added,
                });
            }
        }
    }
    Ok(report(lists, effect))
}

fn report(lists: Vec<List>, effect: Effect) -> Report {
    let added: usize = lists.iter().map(|list| list.added).sum();
    let headline = match (added, effect) {
        (0, Effect::Write | Effect::Look) => "nothing was missing".to_owned(),
        (added, Effect::Write) => format!("{added} missing entries were added"),
        (added, Effect::Look) => format!("{added} missing entries would be added"),
    };
    let shown = lists.iter().filter(|list| list.entries + list.added > 0);
    let lines = shown.map(|list| {
        let (tag, entries, added) = (&list.tag, list.entries, list.added);
        format!("{tag}  {entries} entries, {added} of them were missing\n")
    });
    Report::new("repair", Verdict::Pass, headline)
        .with_output("added", added.to_string())
        .with_human(lines.collect::<String>())
        .with_detail(&Repaired { lists })
}
