//! Sigstore on loopback: the real services where they run alone, and one
//! instance of our own that can fail and lie as a test scripts it.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use testkit::sigstore::{Fault, Identity, LogVersion, Loopback, Service, Settings};
//!
//! let loopback = Loopback::start(&Settings::default())?;
//! let token = loopback.token(&Identity::github("acme/shop"))?;
//! let root = loopback.trusted_root().to_string();
//! let config = loopback.signing_config(LogVersion::V2).to_string();
//! loopback.next(Service::RekorV2, 2, &Fault::status(502));
//! // … run the program under test …
//! assert_eq!(loopback.calls_of(Service::RekorV2).len(), 3);
//! # Ok(()) }
//! ```

mod authority;
mod certificate;
mod clock;
mod der;
mod fault;
mod issuer;
mod judge;
mod key;
mod loopback;
mod merkle;
mod note;
mod rekor;
mod root;
mod sct;
mod servers;
mod services;
mod stamp;
mod token;

pub use authority::SctForm;
pub use clock::Clock;
pub use fault::{Fault, Lie, Service};
pub use issuer::Issuer;
pub use judge::{Case, Judge, Signer};
pub use key::{Curve, Pair};
pub use loopback::{Call, Files, Loopback, Settings};
pub use root::{LogVersion, signing_config_of, trusted_root_of};
pub use servers::{Fulcio, IssuerKind, Real, RekorTiles, TimestampServer};
pub use token::{Identity, Mint};
