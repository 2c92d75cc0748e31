//! Which commit is live: what the state store and the evidence say, else whoever
//! runs this.

use liftlock::approval::request::Identified;
use liftlock::chain::{self, Examiner};
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::release::Reference;
use liftlock::state::Document;
use liftlock_io::clock;
use liftlock_io::verify::Local;

use crate::settings::Settings;

/// What is live in an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Live {
    /// The release; nothing where none is.
    pub(crate) release: Option<Digest>,
    /// Its commit.
    pub(crate) commit: String,
}

/// What is live, by the state store and what a builder attested. `--live-commit`
/// says it where these do not, and nothing else than these where they do.
pub(crate) fn live(
    environment: &Name,
    flag: Option<&String>,
    settings: &Settings,
) -> Result<Live, Failure> {
    let release = release(environment, settings)?;
    let known = match &release {
        Some(release) => attested(release, settings)?,
        None => None,
    };
    let digest = release.map(|release| release.digest);
    let commit = match (known, flag) {
        (Some(known), Some(flag)) if known != *flag => {
            let message = format!("`--live-commit {flag}` is not {known}, which is live");
            return Err(Failure::new(Kind::Invalid, message).with_hint("leave the flag out"));
        }
        (Some(known), _) => known,
        (None, Some(flag)) => flag.clone(),
        (None, None) => return Err(unknown(environment, digest)),
    };
    whole(&commit, "the commit that is live")?;
    Ok(Live {
        release: digest,
        commit,
    })
}

/// The commit of a release.
pub(crate) fn candidate(asked: &liftlock::release::Identified) -> Result<String, Failure> {
    let Some(commit) = &asked.release.commit else {
        let message = "the release names no commit, so nobody knows what changed";
        return Err(
            Failure::new(Kind::Invalid, message).with_hint("write `commit` in `release.json`")
        );
    };
    whole(commit, "the commit of the release")?;
    Ok(commit.clone())
}

/// Short names and branches can be moved to what nobody approved.
fn whole(commit: &str, what: &str) -> Result<(), Failure> {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if matches!(commit.len(), 40 | 64) && commit.bytes().all(hex) {
        return Ok(());
    }
    let shown: String = commit.chars().take(80).collect();
    let message = format!(
        "{what}, `{}`, is no whole name of one",
        shown.escape_debug()
    );
    Err(Failure::new(Kind::Invalid, message).with_hint("give all 40 hex digits in small letters"))
}

fn unknown(environment: &Name, release: Option<Digest>) -> Failure {
    let message = match release {
        Some(release) => format!("no builder attested the commit of {release}, which is live"),
        None => format!("nothing is live in `{environment}`, so nobody knows what changed"),
    };
    Failure::new(Kind::Invalid, message)
        .with_hint("give `--live-commit COMMIT`, with which the release is compared")
}

fn release(environment: &Name, settings: &Settings) -> Result<Option<Reference>, Failure> {
    let (Some(rules), Some(state)) = (&settings.rules, settings.state()?) else {
        return Ok(None);
    };
    let key = Document::key(&rules.service, environment);
    let Some(stored) = state.get(&key)? else {
        return Ok(None);
    };
    let document = Document::parse(&stored.bytes).map_err(|error| {
        let message = format!("cannot understand `{key}` in the state store");
        Failure::because(Kind::Invalid, message, error)
    })?;
    Ok(document.live.map(|live| live.release))
}

/// The commit of a release that a builder attested.
fn attested(release: &Reference, settings: &Settings) -> Result<Option<String>, Failure> {
    let (Some(rules), Some(evidence)) = (&settings.rules, settings.evidence()?) else {
        return Ok(None);
    };
    let examiner = Examiner {
        trust: &rules.trust,
        root: &rules.root,
        verifier: &Local,
        now: clock::now(),
    };
    let found = evidence.list(&release.digest)?;
    let items: Vec<_> = found
        .iter()
        .map(|item| examiner.examine(&item.bytes))
        .collect();
    Ok(chain::attested(&items, release).and_then(|found| found.release.commit))
}

/// What is live now where an approval rests on what changed since then; the
/// judge's own check of that.
pub(crate) fn now(asked: &Identified, settings: &Settings) -> Result<Option<Digest>, Failure> {
    if asked.request.compared.is_empty() {
        return Ok(None);
    }
    let release = release(&asked.request.environment, settings)?;
    Ok(release.map(|release| release.digest))
}
