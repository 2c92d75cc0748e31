//! `finish`: adds to bundles what could not be had when they were signed.

use std::path::Path;

use liftlock::attestation;
use liftlock::bundle::{Bundle, Content};
use liftlock::crypto::PublicKey;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::report::Report;
use liftlock::signature::Artifact;
use liftlock::sigstore::rekor;
use liftlock::sigstore::signing_config::Chosen;
use liftlock::sigstore::verify::{self, Unlogged};
use liftlock::verdict::Verdict;
use liftlock::x509::Certificate;
use liftlock_io::cli::Session;
use liftlock_io::keyless::{self, Missing, Who};
use liftlock_io::verify::Local;
use liftlock_io::{clock, key};
use serde::Serialize;

use crate::args::Finish;
use crate::found::Raw;
use crate::journal;
use crate::showing::Showing;
use crate::sign::write;

#[derive(Serialize)]
struct Finished {
    bundles: Vec<One>,
}

#[derive(Serialize)]
struct One {
    bundle: String,
    added: Vec<Missing>,
}

pub(crate) fn run(asked: &Finish, session: &Session) -> Result<Report, Failure> {
    let showing = Showing::open(&asked.services, session)?;
    let key = asked.key.as_deref().map(key::public).transpose()?;
    let mut bundles = Vec::new();
    for path in &asked.bundles {
        session.check()?;
        let added = finish(path, key.as_ref(), &showing, session)?;
        bundles.push(One {
            bundle: path.display().to_string(),
            added,
        });
    }
    let done = bundles.iter().filter(|one| !one.added.is_empty()).count();
    let headline = format!("{done} of {} bundles finished", bundles.len());
    let lines = bundles.iter().map(|one| match one.added.as_slice() {
        [] => format!("{}: proved, nothing is missing\n", one.bundle),
        added => {
            let added: Vec<&str> = added.iter().map(|what| what.name()).collect();
            format!("{}: {} added\n", one.bundle, added.join(", "))
        }
    });
    let lines: String = lines.collect();
    Ok(Report::new("finish", Verdict::Pass, headline)
        .with_output("count", done.to_string())
        .with_human(lines)
        .with_detail(&Finished { bundles }))
}

/// Who signed, as the bundle says.
enum Signed<'a> {
    Key(&'a PublicKey),
    Certificate(Box<Certificate>),
}

fn finish(
    path: &Path,
    key: Option<&PublicKey>,
    showing: &Showing,
    session: &Session,
) -> Result<Vec<Missing>, Failure> {
    let bundle = Raw::read(path)?.bundle()?;
    let note = journal::read(path)?;
    let missing = match &note {
        Some(note) => still_missing(path, &bundle, note)?,
        None => Vec::new(),
    };
    let signed = match (keyless::leaf(&bundle), key) {
        (Some(leaf), _) => Signed::Certificate(Box::new(leaf)),
        (None, Some(key)) => Signed::Key(key),
        (None, None) => {
            let message = format!("`{}` was signed with a key", path.display());
            return Err(Failure::new(Kind::Usage, message)
                .with_hint("give the public half: `--key FILE.pub`"));
        }
    };
    let wanted = wanted(&missing, &signed);
    let whole = add(bundle, &wanted, &signed, (showing, session))?;
    prove(&whole, &signed, showing)?;
    if note.is_some() && !session.dry_run {
        write(path, &whole, session)?;
        journal::done(path)?;
    }
    Ok(wanted)
}

/// What the bundle lacks of what the note says: whoever was killed after the
/// bundle was written has nothing to add.
fn still_missing(
    path: &Path,
    bundle: &Bundle,
    note: &journal::Note,
) -> Result<Vec<Missing>, Failure> {
    let there = |what: &Missing| match what {
        Missing::Timestamp => !bundle.timestamps().is_empty(),
        Missing::LogEntry => !bundle.entries().is_empty(),
    };
    if bundle.digest() == note.bundle || note.missing.iter().all(there) {
        let left = note.missing.iter().filter(|what| !there(what));
        return Ok(left.copied().collect());
    }
    let message = format!(
        "`{}` is another bundle than its note is about",
        path.display()
    );
    let note = journal::place(path);
    let hint = format!("remove `{}` if the bundle is the newer one", note.display());
    Err(Failure::new(Kind::Invalid, message).with_hint(hint))
}

/// A time after the certificate's life proves nothing, it only disturbs.
fn wanted(missing: &[Missing], signed: &Signed<'_>) -> Vec<Missing> {
    let late = match signed {
        Signed::Key(_) => false,
        Signed::Certificate(leaf) => !leaf.is_valid_at(clock::now()),
    };
    let wanted = missing.iter().copied();
    wanted
        .filter(|what| !(late && *what == Missing::Timestamp))
        .collect()
}

fn add(
    bundle: Bundle,
    wanted: &[Missing],
    signed: &Signed<'_>,
    (showing, session): (&Showing, &Session),
) -> Result<Bundle, Failure> {
    let who = match signed {
        Signed::Key(key) => Who::Key(key),
        Signed::Certificate(leaf) => Who::Certificate(leaf),
    };
    let mut services = showing.services.clone();
    if !wanted.contains(&Missing::Timestamp) {
        services.timestamps = Chosen::default();
    }
    if !wanted.contains(&Missing::LogEntry) {
        services.logs = Chosen::default();
    }
    let before = bundle.clone();
    let shown = showing.show_to(&services, (bundle, who), session)?;
    if let Some((_, error)) = shown.missing.into_iter().next() {
        return Err(error.into());
    }
    let mut whole = before.clone();
    for stamp in shown
        .bundle
        .timestamps()
        .iter()
        .skip(before.timestamps().len())
    {
        whole = whole.with_timestamp(stamp.clone())?;
    }
    for entry in shown.bundle.entries().iter().skip(before.entries().len()) {
        let entry = match signed {
            Signed::Key(_) => entry.clone(),
            // The log's time is that of today, long after the certificate's.
            Signed::Certificate(_) => rekor::without_time(entry.clone()),
        };
        whole = whole.with_entry(entry)?;
    }
    Ok(whole)
}

fn prove(bundle: &Bundle, signed: &Signed<'_>, showing: &Showing) -> Result<(), Failure> {
    let artifact = Artifact::known_by(about(bundle)?);
    let root = &showing.services.root;
    match signed {
        Signed::Key(key) => {
            verify::by_key(bundle, &artifact, key, root, &Local)?;
        }
        Signed::Certificate(leaf) => {
            keyless::prove(bundle, leaf, &artifact, (root, Unlogged::Refused))?;
        }
    }
    Ok(())
}

/// What the bundle says it is about.
fn about(bundle: &Bundle) -> Result<Digest, Failure> {
    match bundle.content() {
        Content::Message { digest, .. } => match <[u8; 32]>::try_from(digest.bytes.as_slice()) {
            Ok(bytes) => Ok(Digest::from_bytes(bytes)),
            Err(_) => Err(Failure::new(
                Kind::Invalid,
                "the bundle is not over a SHA-256",
            )),
        },
        Content::Envelope(_) => {
            let claimed = attestation::claimed(bundle)?;
            let first = claimed.digests().next();
            first.ok_or_else(|| Failure::new(Kind::Invalid, "the statement is about nothing"))
        }
    }
}
