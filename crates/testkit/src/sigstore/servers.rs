//! The real services of Sigstore on loopback, each alone.

mod fulcio;
mod rekor_tiles;
mod timestamp;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use liftlock::time::Time;
use serde_json::{Value, json};

pub use fulcio::{Fulcio, IssuerKind};
pub use rekor_tiles::RekorTiles;
pub use timestamp::TimestampServer;

use super::key::unpem;
use super::root::{self, LogVersion};
use crate::wait;

/// Fulcio, Rekor v2 and a timestamp authority together. There is no log of
/// certificates: none runs without a database.
#[derive(Debug)]
pub struct Real {
    /// Issues certificates.
    pub fulcio: Fulcio,
    /// Keeps entries.
    pub rekor: RekorTiles,
    /// Stamps times.
    pub stamps: TimestampServer,
    start: Time,
}

impl Real {
    /// Starts all of them, or gives nothing where one is not installed.
    ///
    /// # Errors
    ///
    /// Fails when one does not become ready.
    pub fn start(kind: IssuerKind) -> Result<Option<Self>> {
        let start = super::clock::whole(super::clock::before(wait::now(), 3600));
        let (Some(fulcio), Some(rekor), Some(stamps)) = (
            Fulcio::start(kind)?,
            RekorTiles::start()?,
            TimestampServer::start()?,
        ) else {
            return Ok(None);
        };
        Ok(Some(Self {
            fulcio,
            rekor,
            stamps,
            start,
        }))
    }

    /// Keys and certificates of all of them.
    ///
    /// # Errors
    ///
    /// Fails when one does not tell its certificates.
    pub fn trusted_root(&self) -> Result<Value> {
        let authority = |url: &str, common: &str, chain: &[Vec<u8>]| {
            let certificates: Vec<Value> = chain
                .iter()
                .map(|bytes| json!({ "rawBytes": STANDARD.encode(bytes) }))
                .collect();
            json!({
                "subject": { "organization": "loopback", "commonName": common },
                "uri": url,
                "certChain": { "certificates": certificates },
                "validFor": { "start": self.start },
            })
        };
        let fulcio = authority(&self.fulcio.url(), "fulcio", &self.fulcio.chain()?);
        let stamps = authority(&self.stamps.url(), "stamps", &self.stamps.chain()?);
        let (key, id) = (self.rekor.key(), self.rekor.id());
        Ok(json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [root::log(&self.rekor.url(), key, id, self.start)],
            "certificateAuthorities": [fulcio],
            "ctlogs": [],
            "timestampAuthorities": [stamps],
        }))
    }

    /// Where they are.
    #[must_use]
    pub fn signing_config(&self) -> Value {
        let mut config = root::signing_config("", LogVersion::V2, self.start);
        let urls = [
            ("caUrls", self.fulcio.url()),
            ("oidcUrls", self.fulcio.issuer().url()),
            ("rekorTlogUrls", self.rekor.url()),
            ("tsaUrls", self.stamps.url()),
        ];
        for (field, url) in urls {
            if let Some(entry) = config.pointer_mut(&format!("/{field}/0/url")) {
                *entry = url.into();
            }
        }
        config
    }
}

/// The certificates of a text of PEM blocks, in order.
fn certificates(text: &str) -> Result<Vec<Vec<u8>>> {
    let blocks = text.split_inclusive("-----END CERTIFICATE-----");
    let blocks = blocks.filter(|block| block.contains("BEGIN"));
    let all: Vec<Vec<u8>> = blocks
        .map(|block| Ok(unpem(block)?.1))
        .collect::<Result<_>>()?;
    (!all.is_empty()).then_some(all).context("no certificate")
}
