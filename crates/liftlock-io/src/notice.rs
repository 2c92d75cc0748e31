//! Notices to a webhook: one post each, and nothing taken from the answer.
//!
//! What goes wrong is told without the address: of most webhooks it is the
//! secret.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use liftlock::approval::notice::{Form, Notice};
use url::{Host, Url};

use crate::http::{Client, Limits, Method, Options, Request};
use crate::{env, file};

/// Of one post; the answer is not read, so it may be short.
const LIMITS: Limits = Limits {
    bytes: 64 * 1024,
    timeout: Duration::from_secs(5),
};

/// The most bytes of a file with an address.
const LARGEST: u64 = 4_096;

/// Where notices go.
pub struct Webhook {
    url: Url,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Webhook").finish_non_exhaustive()
    }
}

impl Webhook {
    /// The webhook whose address is in a file or, as `env://NAME`, in a
    /// variable: on a command line everybody on the machine could read it.
    ///
    /// # Errors
    ///
    /// Fails without an address, and on one without TLS that is not this
    /// machine's.
    pub fn open(reference: &str) -> Result<Self, Error> {
        let text = match reference.strip_prefix("env://") {
            Some(name) => env::secret(name).ok_or_else(|| Error::Unset(name.to_owned()))?,
            None if reference.contains("://") => return Err(Error::Typed),
            None => file::read_text(Path::new(reference), LARGEST)
                .map_err(|error| Error::File(error.to_string()))?,
        };
        let url = Url::parse(text.trim()).map_err(|_may_show_it| Error::Address)?;
        let near = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return Err(Error::Address),
        };
        match url.scheme() {
            "https" => Ok(Self { url }),
            "http" if near => Ok(Self { url }),
            "http" => Err(Error::Clear),
            _ => Err(Error::Address),
        }
    }

    /// Posts a notice, once.
    ///
    /// # Errors
    ///
    /// Fails unless the other side says that it took it, within five seconds.
    pub fn send(&self, notice: &Notice, options: &Options) -> Result<(), Error> {
        let form = Form::of(self.url.host_str().unwrap_or_default());
        let body = notice.body(form).to_string().into_bytes();
        let request = Request::new(Method::Post, self.url.clone());
        let request = request.with_body("application/json", body).secret();
        let client = Client::new(options).map_err(|_may_show_it| Error::NoAnswer)?;
        match client.send(request, LIMITS) {
            Ok(response) if response.is_success() => Ok(()),
            Ok(response) => Err(Error::Refused(response.status)),
            Err(_may_show_it) => Err(Error::NoAnswer),
        }
    }
}

/// A notice did not arrive, as far as anybody knows.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The variable is not there.
    #[error("variable `{0}` is not set")]
    Unset(String),
    /// An address where the name of a file belongs.
    #[error("an address is no name of a file or of a variable")]
    Typed,
    /// The file cannot be read.
    #[error("{0}")]
    File(String),
    /// What should be an address is none.
    #[error("there is no address of a webhook")]
    Address,
    /// Everybody on the way could read it.
    #[error("the address is one without TLS")]
    Clear,
    /// The other side does not want it.
    #[error("the webhook answers with {0}")]
    Refused(u16),
    /// Nothing came back.
    #[error("the webhook does not answer")]
    NoAnswer,
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn open(text: &str) -> Result<Webhook, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("webhook");
        fs::write(&path, text).unwrap();
        Webhook::open(path.to_str().unwrap())
    }

    #[test]
    fn an_address_needs_tls_unless_it_is_this_machines() {
        for good in [
            "https://hooks.slack.com/services/T/B/secret\n",
            "http://127.0.0.1:8080/x",
            "http://[::1]/x",
            "http://localhost/x",
        ] {
            assert!(open(good).is_ok(), "{good}");
        }
        for bad in [
            "http://hooks.slack.com/services/T/B/secret",
            "http://localhost.evil.example/secret",
            "file:///etc/secret",
            "secret",
            "",
        ] {
            let error = open(bad).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn no_address_is_taken_from_a_command_line_or_shown() {
        let typed = Webhook::open("https://hooks.slack.com/services/secret").unwrap_err();
        assert!(!typed.to_string().contains("secret"), "{typed}");
        let missing = Webhook::open("env://LIFTLOCK_NO_SUCH_WEBHOOK").unwrap_err();
        assert!(missing.to_string().contains("not set"), "{missing}");
        let opened = open("https://example.org/secret").unwrap();
        assert!(!format!("{opened:?}").contains("secret"));
    }
}
