//! What is said to a certificate authority, and what it answers
//! (sigstore/fulcio, `fulcio.proto`, `POST /api/v2/signingCert`).

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::token::Token;
use crate::crypto::PublicKey;
use crate::failure::{Explain, Kind};
use crate::x509::{self, Certificate};
use crate::{json, pem};

/// The path below the authority's address.
pub const PATH: &str = "/api/v2/signingCert";

/// Asks for a certificate; `proof` is the key's signature over
/// [`Token::challenge`]. The token goes into the header `authorization`.
///
/// # Errors
///
/// Fails never in practice: all fields can be JSON.
pub fn request(key: &PublicKey, proof: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&serde_json::json!({
        "publicKeyRequest": {
            "publicKey": { "algorithm": "ECDSA", "content": key.pem() },
            "proofOfPossession": STANDARD.encode(proof),
        },
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    signed_certificate_embedded_sct: Option<Signed>,
    signed_certificate_detached_sct: Option<Signed>,
}

#[derive(Deserialize)]
struct Signed {
    chain: Chain,
}

#[derive(Deserialize)]
struct Chain {
    certificates: Vec<String>,
}

/// Reads the certificate of an answer, and insists that it is for our key and
/// vouched for by the token's issuer.
///
/// # Errors
///
/// Fails on anything else.
pub fn certificate(answer: &[u8], key: &PublicKey, token: &Token) -> Result<Certificate, Error> {
    let answer: Answer = json::parse(answer)?;
    let signed = answer.signed_certificate_embedded_sct;
    let signed = signed
        .or(answer.signed_certificate_detached_sct)
        .ok_or(Error::Nothing)?;
    let leaf = signed.chain.certificates.first().ok_or(Error::Nothing)?;
    let (_, leaf) = pem::only(leaf)
        .filter(|(label, _)| *label == x509::LABEL)
        .ok_or(Error::Pem)?;
    let leaf = Certificate::parse(&leaf)?;
    if leaf.key() != key {
        return Err(Error::Key);
    }
    let issuer = leaf.oidc_issuer().map_err(x509::Error::Der)?;
    if issuer.as_deref() != Some(token.issuer()) {
        return Err(Error::Issuer(issuer.unwrap_or_default()));
    }
    Ok(leaf)
}

/// The answer is no certificate that we can use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Malformed.
    #[error("the certificate authority's answer is malformed")]
    Json(#[from] json::ParseError),
    /// No certificate.
    #[error("the certificate authority's answer holds no certificate")]
    Nothing,
    /// Not PEM.
    #[error("the certificate authority's certificate is not PEM")]
    Pem,
    /// No certificate.
    #[error("the certificate authority's certificate cannot be used")]
    Certificate(#[from] x509::Error),
    /// Somebody else's.
    #[error("the certificate is for another key")]
    Key,
    /// Of another issuer.
    #[error("the certificate's identity comes from `{0}`, not from the token's issuer")]
    Issuer(String),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        Kind::Upstream
    }
}
