//! Whom TLS trusts: the authorities of the web, of the machine, of `--ca-file`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::Error;
use crate::{env, file};

/// More than any bundle of authorities has (Debian's: 220 kB).
const LARGEST: u64 = 16 * 1024 * 1024;

pub(super) fn configuration(ca_file: Option<&Path>) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let native = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(native.certs);
    if let (0, Some(path)) = (added, env::var("SSL_CERT_FILE")) {
        return Err(Error::Authorities {
            path: PathBuf::from(path),
            reason: "`SSL_CERT_FILE` names no usable certificate".to_owned(),
        });
    }
    if let Some(path) = ca_file {
        add(&mut roots, path)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::Configure)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn add(roots: &mut RootCertStore, path: &Path) -> Result<(), Error> {
    let unusable = |reason: String| Error::Authorities {
        path: path.to_owned(),
        reason,
    };
    let pem = file::read(path, LARGEST).map_err(|error| unusable(error.to_string()))?;
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
