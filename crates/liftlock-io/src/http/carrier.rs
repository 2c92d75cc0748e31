//! What carries the requests of a client.

use std::sync::OnceLock;
use std::time::Duration;

use url::Url;

use super::{Error, Identity, Options, proxy, tls};

/// Connections with TLS and without. Authorities take longer to read than a
/// server nearby takes to answer, and who speaks plain HTTP needs none.
#[derive(Debug)]
pub(super) struct Carriers {
    plain: OnceLock<reqwest::Client>,
    secure: OnceLock<reqwest::Client>,
    connect: Duration,
    proxies: Vec<reqwest::Proxy>,
}

impl Carriers {
    pub(super) fn new(options: &Options, identity: Option<&Identity>) -> Result<Self, Error> {
        let carriers = Self {
            plain: OnceLock::new(),
            secure: OnceLock::new(),
            connect: options.timeout.min(Duration::from_secs(10)),
            proxies: proxy::from_environment()?,
        };
        // Files that somebody named are read at once: what is wrong with them
        // is told whatever is asked for.
        if options.ca_file.is_some() || identity.is_some() {
            let tls = tls::configuration(options.ca_file.as_deref(), identity)?;
            let made = carriers.make(tls)?;
            carriers.secure.get_or_init(|| made);
        }
        Ok(carriers)
    }

    /// What carries a request to this address.
    pub(super) fn of(&self, url: &Url) -> Result<&reqwest::Client, Error> {
        // A proxy may itself be asked by TLS.
        let is_plain = url.scheme() == "http" && self.proxies.is_empty();
        let cell = if is_plain { &self.plain } else { &self.secure };
        if let Some(known) = cell.get() {
            return Ok(known);
        }
        let tls = if is_plain {
            tls::trusting_nobody()?
        } else {
            tls::configuration(None, None)?
        };
        let made = self.make(tls)?;
        Ok(cell.get_or_init(|| made))
    }

    fn make(&self, tls: rustls::ClientConfig) -> Result<reqwest::Client, Error> {
        let builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(self.connect)
            .user_agent(concat!("liftlock/", env!("CARGO_PKG_VERSION")))
            .no_proxy();
        let proxies = self.proxies.iter().cloned();
        let builder = proxies.fold(builder, reqwest::ClientBuilder::proxy);
        builder.build().map_err(Error::Prepare)
    }
}
