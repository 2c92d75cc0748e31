//! What a later run goes on from, so that the risk is spent only once.
//!
//! Two lines: what is known, as JSON; with a key also the bundle of a
//! statement about the first line's digest. It is written anew after every
//! look, since a run that is killed has looked as well.

use std::path::{Path, PathBuf};

use liftlock::attestation;
use liftlock::bundle::Bundle;
use liftlock::canary::panel::Panel;
use liftlock::canary::record::About;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::json;
use liftlock::predicate::CANARY_STATE;
use liftlock::statement::{Statement, Subject};
use liftlock_io::key::Private;
use liftlock_io::verify::Local;
use liftlock_io::{attest, file};
use serde::{Deserialize, Serialize};

/// The version of the format.
const VERSION: u32 = 1;

/// A file that a later run goes on from.
pub(crate) struct Resume<'a> {
    path: PathBuf,
    about: About,
    key: Option<&'a Private>,
}

/// The first line of the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    canary_state: u32,
    about: About,
    panel: Panel,
}

impl<'a> Resume<'a> {
    /// A file in which what is known is signed with a key, where there is one.
    pub(crate) fn new(path: &Path, about: About, key: Option<&'a Private>) -> Self {
        Self {
            path: path.to_owned(),
            about,
            key,
        }
    }

    /// What an earlier run about the same left behind; nothing where there was
    /// none.
    pub(crate) fn read(&self) -> Result<Option<Panel>, Failure> {
        if !file::exists(&self.path)? {
            return Ok(None);
        }
        let limit = u64::try_from(json::LARGEST).unwrap_or(u64::MAX);
        let bytes = file::read(&self.path, limit)?;
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (line, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end.saturating_add(1)));
        self.prove(line, rest)?;
        let saved: Saved = json::parse(line).map_err(|error| {
            let message = format!("cannot understand `{}`", self.path.display());
            Failure::because(Kind::Invalid, message, error)
        })?;
        if saved.canary_state != VERSION {
            let found = saved.canary_state;
            return Err(self.refused(&format!("is of version {found}, not {VERSION}")));
        }
        if saved.about != self.about {
            return Err(self.refused("is about another canary, or counts from another place"));
        }
        Ok(Some(saved.panel))
    }

    /// Refuses to go on from what another panel was begun with.
    pub(crate) fn check(&self, kept: &Panel, new: &Panel) -> Result<(), Failure> {
        match kept.continues(new) {
            true => Ok(()),
            false => Err(self.refused("was begun under other rules, or is broken")),
        }
    }

    /// Refuses what this key did not sign.
    fn prove(&self, line: &[u8], rest: &[u8]) -> Result<(), Failure> {
        let Some(key) = self.key else {
            return match rest {
                [] => Ok(()),
                _ => Err(self.refused("is signed, and there is no `--key` to check it by")),
            };
        };
        if rest.is_empty() {
            return Err(self.refused("is not signed"));
        }
        let unproved = |error: &dyn std::fmt::Display| {
            let message = format!("`{}` is not proved: {error}", self.path.display());
            Failure::new(Kind::Refuted, message).with_hint(HINT)
        };
        let bundle = Bundle::parse(rest).map_err(|error| unproved(&error))?;
        let keys = [liftlock::crypto::Signer::public_key(key).clone()];
        let proved =
            attestation::verify(&bundle, &keys, &Local).map_err(|error| unproved(&error))?;
        let fits = proved.statement.predicate_type() == CANARY_STATE
            && proved.statement.is_about(&Digest::of(line));
        if fits {
            Ok(())
        } else {
            Err(unproved(&"its signature is about something else"))
        }
    }

    /// Keeps what is known now.
    pub(crate) fn write(&self, panel: &Panel) -> Result<(), Failure> {
        let bug = |error: serde_json::Error| Failure::new(Kind::Bug, error.to_string());
        let saved = Saved {
            canary_state: VERSION,
            about: self.about.clone(),
            panel: panel.clone(),
        };
        let mut bytes = json::line(&saved).map_err(bug)?;
        if let Some(key) = self.key {
            let subject = Subject::named(&Digest::of(&bytes), "state");
            let statement = Statement::new(vec![subject], CANARY_STATE, &self.about)?;
            bytes.extend_from_slice(attest::attest(key, &statement)?.bytes());
        }
        Ok(file::write(&self.path, &bytes)?)
    }

    fn refused(&self, why: &str) -> Failure {
        let message = format!("`{}` {why}", self.path.display());
        Failure::new(Kind::Invalid, message).with_hint(HINT)
    }
}

const HINT: &str = "give the same flags as before, or another file for another canary";
