//! What signs: a key, or a certificate for a moment; and who is shown it.

use liftlock::bundle::Bundle;
use liftlock::crypto::{Hash, PublicKey, Signer as _};
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::oci::compat::Format;
use liftlock::signature::Artifact;
use liftlock::sigstore::identity::Known;
use liftlock::statement::{Statement, Subject};
use liftlock_io::cli::Session;
use liftlock_io::keyless::token::Source;
use liftlock_io::keyless::{self, Missing};
use liftlock_io::{attest, http, key, parallel};
use serde::Serialize;

use crate::args::signing::Signing;
use crate::proof::Trust;
use crate::showing::{Showing, Unshown};
use crate::target::options;

/// How many signatures are shown to services at the same time.
const WORKERS: usize = 8;

/// How often a signature is made anew because a log has the very same one.
const AGAIN: u32 = 3;

/// What signs.
pub(crate) struct Pen<'a> {
    hand: Hand,
    showing: Option<Showing>,
    session: &'a Session,
}

enum Hand {
    Key(Box<key::Private>),
    Certificate(Box<keyless::Signature>),
}

/// A signature that was proved.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) bundle: Bundle,
    /// What `finish` has to add.
    pub(crate) missing: Vec<Missing>,
}

/// Who signed, for results.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Signatory {
    /// The key's digest; of a certificate, too.
    pub(crate) key_id: Digest,
    /// Whose certificate it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<Known>,
}

impl<'a> Pen<'a> {
    /// Opens the key, or gets a certificate.
    pub(crate) fn open(asked: &Signing, session: &'a Session) -> Result<Self, Failure> {
        let configured = asked.services.instance.is_named();
        if asked.offline {
            http::forbid();
        }
        if asked.offline && (asked.key.is_none() || configured) {
            let message = "`--offline` signs with a key and shows it to nobody";
            return Err(Failure::new(Kind::Usage, message).with_hint("give `--key FILE` alone"));
        }
        match &asked.key {
            Some(reference) => {
                let showing = configured.then(|| Showing::open(&asked.services, session));
                Ok(Self {
                    hand: Hand::Key(Box::new(key::Private::reach(reference, &options(session))?)),
                    showing: showing.transpose()?,
                    session,
                })
            }
            None => Self::keyless(asked, session),
        }
    }

    /// The same pen, for what is attached to images in this format.
    pub(crate) fn attaching(mut self, format: Format) -> Result<Self, Failure> {
        if let Some(showing) = self.showing.as_mut().filter(|_| format.layers()) {
            showing.promise()?;
        }
        Ok(self)
    }

    fn keyless(asked: &Signing, session: &'a Session) -> Result<Self, Failure> {
        let source = match &asked.identity_token {
            Some(reference) => Source::named(reference),
            None => Source::ambient()?,
        };
        let showing = Showing::identified(asked, source, session)?;
        let signature = showing.begin(session)?;
        Ok(Self {
            hand: Hand::Certificate(Box::new(signature)),
            showing: Some(showing),
            session,
        })
    }

    /// The key, if it is one.
    pub(crate) fn key(&self) -> Option<&key::Private> {
        match &self.hand {
            Hand::Key(key) => Some(key),
            Hand::Certificate(_) => None,
        }
    }

    /// A bundle that lacks nothing, for places where `finish` does not come by.
    pub(crate) fn whole(&self, made: Made) -> Result<Bundle, Failure> {
        if made.missing.is_empty() {
            return Ok(made.bundle);
        }
        let message = "only signatures of files can be finished later";
        Err(Failure::new(Kind::Upstream, message).with_hint("give `--on-outage wait`"))
    }

    /// Whoever signs, as somebody whom others may trust.
    pub(crate) fn own(&self) -> Trust {
        let Hand::Certificate(signature) = &self.hand else {
            return Trust::keys(vec![self.public_key().clone()]);
        };
        let known = Known::of(signature.certificate()).ok();
        let root = self
            .showing
            .as_ref()
            .map(|showing| showing.services.root.clone());
        Trust {
            identities: known.map(|known| known.identities()).unwrap_or_default(),
            root,
            ..Trust::default()
        }
    }

    /// The key that signs.
    pub(crate) fn public_key(&self) -> &PublicKey {
        match &self.hand {
            Hand::Key(key) => key.public_key(),
            Hand::Certificate(signature) => signature.certificate().key(),
        }
    }

    /// The hash of files that signatures are made over.
    pub(crate) fn hash(&self) -> Hash {
        let algorithm = self.public_key().algorithm();
        match algorithm.takes_digests() {
            true => algorithm.hash(),
            false => Hash::Sha256,
        }
    }

    /// Who signs.
    pub(crate) fn signatory(&self) -> Signatory {
        Signatory {
            key_id: self.public_key().id(),
            identity: match &self.hand {
                Hand::Key(_) => None,
                Hand::Certificate(signature) => Known::of(signature.certificate()).ok(),
            },
        }
    }

    /// Signs an artifact as it is.
    pub(crate) fn sign(&self, artifact: &Artifact<'_>, subject: Subject) -> Result<Made, Failure> {
        let made = match &self.hand {
            Hand::Key(key) => attest::sign(&**key, artifact, subject)?,
            Hand::Certificate(signature) => signature.sign(&artifact.digest)?,
        };
        self.finish(made, artifact, |signature| signature.sign(&artifact.digest))
    }

    /// Signs a statement.
    pub(crate) fn attest(&self, statement: &Statement) -> Result<Made, Failure> {
        let made = match &self.hand {
            Hand::Key(key) => attest::attest(&**key, statement)?,
            Hand::Certificate(signature) => signature.attest(statement)?,
        };
        let Some(subject) = statement.digests().next() else {
            return Err(Failure::new(Kind::Bug, "a statement without a subject"));
        };
        let artifact = Artifact::known_by(subject);
        self.finish(made, &artifact, |signature| signature.attest(statement))
    }

    /// Does something for each, in their order; side by side where services
    /// take part, as most of the time goes by waiting for them.
    pub(crate) fn side_by_side<I: Sync, O: Send>(
        &self,
        items: &[I],
        act: impl Fn(&I) -> Result<O, Failure> + Sync,
    ) -> Result<Vec<O>, Failure> {
        let workers = match &self.showing {
            Some(_) => WORKERS,
            None => 1,
        };
        parallel::map(workers, items, act)
    }

    /// Shows a signature around and proves the outcome.
    fn finish(
        &self,
        made: Bundle,
        artifact: &Artifact<'_>,
        again: impl Fn(&keyless::Signature) -> Result<Bundle, keyless::Error>,
    ) -> Result<Made, Failure> {
        let Some(showing) = &self.showing else {
            return Ok(Made {
                bundle: made,
                missing: Vec::new(),
            });
        };
        let signature = match &self.hand {
            Hand::Key(key) => return showing.key(made, artifact, key.public_key(), self.session),
            Hand::Certificate(signature) => signature,
        };
        let mut shown = showing.certificate(made, artifact, signature, self.session);
        let mut count = 0;
        // Whoever lost a log's answer and may not look it up signs anew.
        while let Err(Unshown::Known) = shown
            && count < AGAIN
        {
            count += 1;
            let other = showing.begin(self.session)?;
            shown = showing.certificate(again(&other)?, artifact, &other, self.session);
        }
        shown.map_err(Unshown::failure)
    }
}
