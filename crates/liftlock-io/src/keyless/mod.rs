//! Signs with a certificate for a moment, and has signatures seen by logs and
//! timestamp authorities: Fulcio, Rekor v1 and v2, RFC 3161.

mod ask;
mod error;
pub mod instance;
mod moment;
mod origin;
pub mod privacy;
pub mod token;
pub mod tuf;
mod witness;

use std::time::Duration;

use liftlock::bundle::{Bundle, Content, Material};
use liftlock::crypto::Signer as _;
use liftlock::digest::Digest;
use liftlock::dsse::{self, Envelope, IN_TOTO};
use liftlock::signature::Artifact;
use liftlock::sigstore::anchors::TrustedRoot;
use liftlock::sigstore::fulcio;
use liftlock::sigstore::identity::Known;
use liftlock::sigstore::signing_config::Chosen;
use liftlock::sigstore::token::Token;
use liftlock::sigstore::verify::{self, Proved, Unlogged};
use liftlock::span::Span;
use liftlock::statement::Statement;
use liftlock::time::Time;
use liftlock::x509::Certificate;

pub use ask::Patience;
pub use error::Error;
pub use moment::skew;
pub use witness::{Missing, Who, Witnessed, leaf, show};

use crate::http::{Client, Limits, Method, Request};
use crate::key::Private;
use crate::verify::Local;
use ask::Attempt;

/// The services that take part in a signature.
#[derive(Clone, Debug)]
pub struct Services {
    /// Who issues certificates.
    pub authorities: Chosen,
    /// Who keeps entries.
    pub logs: Chosen,
    /// Who tells the time.
    pub timestamps: Chosen,
    /// Whom readers will trust.
    pub root: TrustedRoot,
}

/// What a certificate may have.
const CERTIFICATE: Limits = Limits {
    bytes: 256 * 1024,
    timeout: Duration::from_secs(20),
};

/// A key that lives as long as the process, and the certificate for it.
#[derive(Debug)]
pub struct Signature {
    key: Private,
    certificate: Certificate,
}

impl Signature {
    /// Makes a key and asks for a certificate for it. The token is asked for
    /// again when it expires meanwhile.
    ///
    /// # Errors
    ///
    /// Fails when nobody issues one while the patience lasts, and at once when
    /// the token is refused.
    pub fn begin(
        services: &Services,
        source: &token::Source,
        client: &Client,
        patience: &Patience<'_>,
    ) -> Result<Self, Error> {
        let key = Private::generate()?;
        let mut token = None;
        let certificate = patience.ask(
            "the certificate authority",
            &services.authorities.services,
            |service| {
                let now = crate::clock::now();
                let fresh = token
                    .take()
                    .filter(|token: &Token| token.check(now).is_ok());
                let current = match fresh {
                    Some(token) => token,
                    None => match source.token(client, now) {
                        Ok(token) => token,
                        Err(error) => return Attempt::of(error),
                    },
                };
                let asked = certificate(&service.url, &key, &current, client);
                token = Some(current);
                asked
            },
        )?;
        Ok(Self { key, certificate })
    }

    /// The certificate.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Signs what was hashed with SHA-256 already; nobody saw it yet.
    ///
    /// # Errors
    ///
    /// Fails when the operating system gives no randomness.
    pub fn sign(&self, digest: &Digest) -> Result<Bundle, Error> {
        let signature = self
            .key
            .sign_prehashed(digest.as_bytes())
            .map_err(Error::Sign)?;
        self.pack(Content::Message {
            digest: digest.into(),
            signature,
        })
    }

    /// Signs a statement; nobody saw it yet.
    ///
    /// # Errors
    ///
    /// Fails when the operating system gives no randomness.
    pub fn attest(&self, statement: &Statement) -> Result<Bundle, Error> {
        self.envelope(statement.bytes()?)
    }

    /// Signs the bytes of a statement as they are.
    ///
    /// # Errors
    ///
    /// Fails when the operating system gives no randomness.
    pub fn envelope(&self, payload: Vec<u8>) -> Result<Bundle, Error> {
        let message = dsse::message(IN_TOTO, &payload);
        let signature = self.key.sign(&message).map_err(Error::Sign)?;
        let payload_type = IN_TOTO.to_owned();
        self.pack(Content::Envelope(Envelope {
            payload,
            payload_type,
            signature,
        }))
    }

    /// Proves a bundle as every reader will.
    ///
    /// # Errors
    ///
    /// Fails unless it is proved.
    pub fn prove(
        &self,
        bundle: &Bundle,
        artifact: &Artifact<'_>,
        (root, unlogged): (&TrustedRoot, Unlogged),
    ) -> Result<Proved, Error> {
        let bundle = Bundle::parse(bundle.bytes())?;
        prove(&bundle, &self.certificate, artifact, (root, unlogged))
    }

    fn pack(&self, content: Content) -> Result<Bundle, Error> {
        let material = Material::Certificates(vec![self.certificate.der().to_vec()]);
        Ok(Bundle::pack(material, content)?)
    }
}

/// Proves that the holder of this certificate signed, whoever that is.
///
/// # Errors
///
/// Fails unless it is proved.
pub fn prove(
    bundle: &Bundle,
    certificate: &Certificate,
    artifact: &Artifact<'_>,
    (root, unlogged): (&TrustedRoot, Unlogged),
) -> Result<Proved, Error> {
    let known = Known::of(certificate).map_err(|error| Box::new(error.into()))?;
    let identities = known.identities();
    let wanted = (identities.as_slice(), unlogged);
    let proved = verify::by_identity_with(bundle, artifact, wanted, root, &Local);
    Ok(proved.map_err(Box::new)?)
}

fn certificate(url: &str, key: &Private, token: &Token, client: &Client) -> Attempt<Certificate> {
    let proof = match key.sign(token.challenge().as_bytes()) {
        Ok(proof) => proof,
        Err(error) => return Attempt::Refused(Error::Sign(error)),
    };
    let body = match fulcio::request(key.public_key(), &proof) {
        Ok(body) => body,
        Err(error) => return Attempt::Refused(Error::Json(error)),
    };
    let address = match format!("{url}{}", fulcio::PATH).parse() {
        Ok(address) => address,
        Err(_not_an_address) => return Attempt::Refused(Error::Address(url.to_owned())),
    };
    let request = Request::new(Method::Post, address)
        .with_header("authorization", format!("Bearer {}", token.secret()))
        .with_body("application/json", body);
    ask::send(client, request, CERTIFICATE).and_then(|answer| {
        match fulcio::certificate(&answer.body, key.public_key(), token) {
            Ok(certificate) => Attempt::Done(certificate),
            Err(error) => Attempt::Again(error.into(), None),
        }
    })
}

/// How long until a moment; nothing when it is over.
fn left(until: Time) -> Option<Span> {
    let millis = until.millis_since(crate::clock::now());
    u64::try_from(millis)
        .ok()
        .filter(|left| *left > 0)
        .map(Span::from_millis)
}
