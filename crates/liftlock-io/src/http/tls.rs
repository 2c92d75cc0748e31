//! Whom TLS trusts: the authorities of the web, of the machine, of `--ca-file`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};

use super::{Error, Identity};
use crate::{env, file};

/// More than any bundle of authorities has (Debian's: 220 kB).
const LARGEST: u64 = 16 * 1024 * 1024;

/// More than any private key has.
const LARGEST_KEY: u64 = 64 * 1024;

pub(super) fn configuration(
    ca_file: Option<&Path>,
    identity: Option<&Identity>,
) -> Result<ClientConfig, Error> {
    let mut roots = common()?.clone();
    if let Some(path) = ca_file {
        add(&mut roots, path)?;
    }
    let builder = trusting(roots)?;
    let Some(identity) = identity else {
        return Ok(builder.with_no_client_auth());
    };
    let (chain, key) = (chain(&identity.certificate)?, key(&identity.key)?);
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| Error::Identity {
            path: identity.certificate.clone(),
            reason: error.to_string(),
        })
}

/// For connections without TLS, should one ask for it after all.
pub(super) fn trusting_nobody() -> Result<ClientConfig, Error> {
    Ok(trusting(RootCertStore::empty())?.with_no_client_auth())
}

fn trusting(roots: RootCertStore) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::Configure)?;
    Ok(builder.with_root_certificates(roots))
}

/// The authorities of the web and of the machine. Debian's are some 300 files:
/// they are read once in a process.
fn common() -> Result<&'static RootCertStore, Error> {
    static COMMON: OnceLock<(RootCertStore, usize)> = OnceLock::new();
    let (roots, added) = COMMON.get_or_init(|| {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        let native = rustls_native_certs::load_native_certs();
        let (added, _) = roots.add_parsable_certificates(native.certs);
        (roots, added)
    });
    match (added, env::var("SSL_CERT_FILE")) {
        (0, Some(path)) => Err(Error::Authorities {
            path: PathBuf::from(path),
            reason: "`SSL_CERT_FILE` names no usable certificate".to_owned(),
        }),
        (_, _) => Ok(roots),
    }
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let unusable = |reason: String| Error::Identity {
        path: path.to_owned(),
        reason,
    };
    let pem = file::read(path, LARGEST)?;
    let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| unusable(error.to_string()))?;
    if chain.is_empty() {
        return Err(unusable("no certificate in PEM form".to_owned()));
    }
    Ok(chain)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let unusable = |reason: String| Error::Identity {
        path: path.to_owned(),
        reason,
    };
    let pem = file::read(path, LARGEST_KEY)?;
    // What is wrong with a key is not shown: it may quote it.
    PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|_quotes| unusable("no private key in PEM form".to_owned()))
}

fn add(roots: &mut RootCertStore, path: &Path) -> Result<(), Error> {
    let unusable = |reason: String| Error::Authorities {
        path: path.to_owned(),
        reason,
    };
    let pem = file::read(path, LARGEST)?;
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| unusable(error.to_string()))?;
    }
    if roots.len() == before {
        return Err(unusable("no certificate in PEM form".to_owned()));
    }
    Ok(())
}
