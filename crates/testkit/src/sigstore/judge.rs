//! Independent verifiers of bundles: @sigstore/verify and sigstore-python.

use std::fs;

use anyhow::{Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::cli::{Output, Run};
use crate::peers;

const SCRIPT: &str = include_str!("judge.cjs");

/// Who judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judge {
    /// The npm package `@sigstore/verify`.
    JavaScript,
    /// The Python package `sigstore`; it has no keys.
    Python,
}

/// By whom a bundle has to be signed.
#[derive(Clone, Copy, Debug)]
pub enum Signer<'a> {
    /// By whoever has this identity.
    Identity {
        /// The subject's alternative name, exactly.
        san: &'a str,
        /// The issuer's URL.
        issuer: &'a str,
    },
    /// With this key: a `SubjectPublicKeyInfo` in DER.
    Key(&'a [u8]),
}

/// What is judged, and by what.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The trusted root.
    pub root: &'a Value,
    /// The services, for a judge who wants to know them; never asked.
    pub signing_config: &'a Value,
    /// The bundle.
    pub bundle: &'a Value,
    /// The bytes of the artifact.
    pub artifact: &'a [u8],
    /// The signer.
    pub signer: Signer<'a>,
}

impl Judge {
    /// Whether the judge accepts the bundle, and why not: nothing where the judge
    /// is not installed. One entry of a log and one proved time are wanted, and
    /// with a certificate one SCT where the root knows a log of certificates.
    ///
    /// # Errors
    ///
    /// Fails when the judge does not come to a verdict.
    pub fn verdict(self, case: &Case<'_>) -> Result<Option<std::result::Result<(), String>>> {
        let output = match self {
            Self::JavaScript => javascript(case)?,
            Self::Python => python(case)?,
        };
        let Some(output) = output else {
            return Ok(None);
        };
        match output.code {
            0 => Ok(Some(Ok(()))),
            1 => Ok(Some(Err(output.stderr))),
            code => bail!("the judge ended with {code}: {}", output.stderr),
        }
    }
}

fn javascript(case: &Case<'_>) -> Result<Option<Output>> {
    let Some(program) = peers::require("sigstore-node") else {
        return Ok(None);
    };
    let ct_logs = case.root.get("ctlogs").and_then(Value::as_array);
    let scts = u8::from(ct_logs.is_some_and(|logs| !logs.is_empty()));
    let mut request = json!({
        "root": case.root,
        "bundle": case.bundle,
        "artifact": STANDARD.encode(case.artifact),
        "tlogs": 1,
        "stamps": 1,
        "scts": scts,
    });
    let signer = match case.signer {
        Signer::Identity { san, issuer } => json!({ "san": san, "issuer": issuer }),
        Signer::Key(spki) => json!({ "key": STANDARD.encode(spki), "scts": 0 }),
    };
    if let (Some(all), Value::Object(signer)) = (request.as_object_mut(), signer) {
        all.extend(signer);
    }
    // A file would need a name; the program takes text as well.
    let run = Run::new(program).args(["-e", SCRIPT]);
    Ok(Some(run.stdin(request.to_string()).output()?))
}

fn python(case: &Case<'_>) -> Result<Option<Output>> {
    let Some(program) = peers::require("sigstore") else {
        return Ok(None);
    };
    let Signer::Identity { san, issuer } = case.signer else {
        bail!("sigstore-python verifies no keys");
    };
    let folder = tempfile::tempdir()?;
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes);
    let config = json!({
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": case.root,
        "signingConfig": case.signing_config,
    });
    write("config.json", config.to_string().as_bytes())?;
    write("bundle.json", case.bundle.to_string().as_bytes())?;
    write("artifact", case.artifact)?;
    let run = Run::new(program)
        .args(["--trust-config", "config.json", "verify", "identity"])
        .args(["--offline", "--bundle", "bundle.json"])
        .args(["--cert-identity", san, "--cert-oidc-issuer", issuer])
        .args(["artifact"])
        .folder(folder.path());
    Ok(Some(run.output()?))
}
