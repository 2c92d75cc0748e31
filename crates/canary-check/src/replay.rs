//! Judges a recorded watch again, offline, and refuses one that claims another verdict.

use liftlock::canary::record::{self, Replayed};
use liftlock::canary::{Judgement, counts};
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::json;
use liftlock::report::Report;
use liftlock_io::cli::Session;
use liftlock_io::file;

use crate::args::Replay;
use crate::run::{Judged, Seen};
use crate::settings::Settings;
use crate::{html, render};

pub(crate) fn replay(args: &Replay, session: &Session) -> Result<Report, Failure> {
    let limit = u64::try_from(counts::LARGEST).unwrap_or(u64::MAX);
    let bytes = file::read(&args.record, limit)?;
    let shown = args.record.display();
    let replayed = record::replay(&bytes)
        .map_err(|error| Failure::above(format!("cannot understand `{shown}`"), error))?;
    let Replayed {
        head,
        judgement,
        claimed,
        asked,
        notes,
        tallies,
        probe,
    } = replayed;
    let begun = head.panel().map_err(|error| {
        Failure::because(Kind::Invalid, format!("cannot understand `{shown}`"), error)
    })?;
    let mut notes = notes.told();
    match &claimed {
        Some(claimed) if same(claimed, &judgement) => {}
        Some(claimed) => {
            let message = format!(
                "`{shown}` claims `{}`, and its looks give `{}`",
                claimed.verdict.word(),
                judgement.verdict.word()
            );
            return Err(Failure::new(Kind::Refuted, message)
                .with_hint("get the record from where it was made"));
        }
        None => {
            notes.push("the watch ended without a verdict: this is what it had seen".to_owned());
        }
    }
    let judged = Judged {
        judgement,
        policy: head.policy,
        evidence: vec![Digest::of(&bytes)],
        asked,
        notes,
        probe,
        seen: Seen { begun, tallies },
    };
    let settings = Settings::read(session, None)?;
    if let Some(path) = args.html.as_ref().filter(|_| !session.dry_run) {
        file::write(path, html::render(&settings.page(&judged, None)).as_bytes())?;
    }
    Ok(settings.label(render::report("replay", &judged, None)))
}

/// Whether both are the same bytes.
fn same(claimed: &Judgement, found: &Judgement) -> bool {
    let bytes = |judgement| json::line(judgement).ok();
    bytes(claimed) == bytes(found)
}
