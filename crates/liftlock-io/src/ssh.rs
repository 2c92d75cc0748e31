//! Signs with keys that OpenSSH holds, in files and agents, through its own
//! `ssh-keygen`: no private key of SSH is ever read here.

use std::time::Duration;

use liftlock::failure::{Explain, Kind};
use liftlock::ssh::{ParseError, Signature};

use crate::process::{self, Call};

/// How long somebody may take to touch a token.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Signs a message: with the private key in this file, or with the one that an
/// agent or a token holds where the file is its public half.
///
/// Nothing is asked on a terminal: a key with a passphrase has to be in an
/// agent.
///
/// # Errors
///
/// Fails when `ssh-keygen` is absent, does not sign within a minute, or makes
/// a kind of signature that is not taken.
pub fn sign(key: &str, namespace: &str, message: &[u8]) -> Result<Signature, Error> {
    let argv = ["ssh-keygen", "-Y", "sign", "-f", key, "-n", namespace].map(str::to_owned);
    let printed = process::run(&Call {
        argv: &argv,
        input: message,
        timeout: TIMEOUT,
    })?;
    let armored = String::from_utf8_lossy(&printed);
    Ok(Signature::parse(&armored)?)
}

/// There is no signature.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program did not do it.
    #[error("no signature was made")]
    Program(#[from] process::Error),
    /// It did, but with something that is not taken.
    #[error("the signature of `ssh-keygen` cannot be used")]
    Signature(#[from] ParseError),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Program(process::Error::Failed { .. } | process::Error::Late { .. }) => {
                Kind::Credentials
            }
            Self::Program(process::Error::Start { .. } | process::Error::TooMuch(_)) => {
                Kind::Upstream
            }
            Self::Signature(_) => Kind::Credentials,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Program(process::Error::Failed { .. } | process::Error::Late { .. }) => Some(
                "add the key to the agent with `ssh-add`, or sign what `--unsigned` writes"
                    .to_owned(),
            ),
            Self::Program(process::Error::Start { .. }) => Some(
                "install OpenSSH, or sign what `--unsigned` writes where it is installed"
                    .to_owned(),
            ),
            Self::Program(process::Error::TooMuch(_)) => None,
            Self::Signature(_) => Some(
                "use a key of ssh-ed25519, of ECDSA on P-256 or P-384, or of RSA with 2048 bits or more"
                    .to_owned(),
            ),
        }
    }
}
