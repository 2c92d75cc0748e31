//! How a client connects, and who it is.

use std::path::PathBuf;
use std::time::Duration;

/// How a client connects.
#[derive(Clone, Debug)]
pub struct Options {
    /// Certificate authorities (PEM) to trust beside the usual ones.
    pub ca_file: Option<PathBuf>,
    /// The longest that any exchange may take, whatever its own limit says.
    pub timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ca_file: None,
            timeout: Duration::from_secs(60),
        }
    }
}

/// Who a client is to servers that ask for a certificate.
#[derive(Clone, Debug)]
pub struct Identity {
    /// A chain of certificates (PEM), the client's own first.
    pub certificate: PathBuf,
    /// Its private key (PEM).
    pub key: PathBuf,
}
