//! A tiny OIDC issuer on loopback, for services that ask one.

use anyhow::Result;

use super::clock::Clock;
use super::token::{Identity, Mint};
use crate::http::{Answer, Server};
use crate::wire::Request;

/// A running issuer.
#[derive(Debug)]
pub struct Issuer {
    server: Server,
    mint: std::sync::Arc<Mint>,
    clock: Clock,
}

impl Issuer {
    /// Starts it on a free port.
    ///
    /// # Errors
    ///
    /// Fails when there is no free port.
    pub fn start(clock: Clock) -> Result<Self> {
        // Its name holds its port, so that the mint comes after the server.
        let slot = std::sync::Arc::new(std::sync::OnceLock::<std::sync::Arc<Mint>>::new());
        let filled = std::sync::Arc::clone(&slot);
        let server = Server::start(move |request| {
            slot.get()
                .and_then(|mint| answer(mint, request))
                .unwrap_or_else(|| Answer::new(404))
        })?;
        let mint = std::sync::Arc::new(Mint::new(&server.url(""))?);
        let kept = filled.get_or_init(|| std::sync::Arc::clone(&mint));
        debug_assert_eq!(kept.issuer(), mint.issuer());
        Ok(Self {
            server,
            mint,
            clock,
        })
    }

    /// The claim `iss`, and where its configuration is.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url("")
    }

    /// A token of this moment.
    ///
    /// # Errors
    ///
    /// Fails when the system has no randomness.
    pub fn token(&self, identity: &Identity) -> Result<String> {
        self.mint.token(identity, self.clock.now())
    }
}

/// The answer to a request for the issuer's configuration or keys.
pub(crate) fn answer(mint: &Mint, request: &Request) -> Option<Answer> {
    match (request.method.as_str(), request.path()) {
        ("GET", "/.well-known/openid-configuration") => {
            Some(Answer::json(mint.configuration().to_string()))
        }
        ("GET", "/keys") => Some(Answer::json(mint.keys().to_string())),
        _ => None,
    }
}
