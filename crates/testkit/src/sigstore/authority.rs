//! What Fulcio does: proves who asks, and issues a certificate for ten minutes.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use liftlock::time::Time;
use serde_json::{Map, Value, json};

use super::certificate::{Issuing, Purpose, Template, Weight, extension, name, serial};
use super::clock;
use super::der;
use super::fault::Lie;
use super::key::{Curve, Pair, Public, pem, unpem};
use super::sct::{Logged, Sct};

/// How long before the clock's first moment the authorities exist, and after.
const YEAR_S: u32 = 365 * 24 * 3600;
const LEAF_S: u32 = 600;

/// How the log of certificates proves that it took one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SctForm {
    /// Inside of the certificate, as the public instance has it.
    #[default]
    Embedded,
    /// Beside it, in Fulcio's answer.
    Detached,
    /// Not at all: an instance without such a log.
    Absent,
}

/// A root, an intermediate under it, and the log of certificates.
#[derive(Debug)]
pub(crate) struct Authority {
    issuing: Issuing,
    intermediate: Vec<u8>,
    root: Vec<u8>,
    ct_log: Pair,
    form: SctForm,
}

/// Who asks, and what the answer says.
struct Request {
    claims: Map<String, Value>,
    key: Public,
}

impl Authority {
    pub(crate) fn new(now: Time, form: SctForm) -> Result<Self> {
        let (start, end) = (
            clock::before(now, i64::from(YEAR_S)),
            clock::after(now, YEAR_S),
        );
        let (root_issuing, root) = root("loopback root", start, end)?;
        let key = Pair::new(Curve::P256)?;
        let subject = name(Some(("loopback", "loopback intermediate")));
        let intermediate = Template {
            serial: serial()?,
            purpose: Purpose::CodeAuthority,
            subject: subject.clone(),
            start,
            end,
            spki: &key.spki(),
            extensions: Vec::new(),
        }
        .sign(&root_issuing)?;
        let issuing = Issuing { name: subject, key };
        Ok(Self {
            issuing,
            intermediate,
            root,
            ct_log: Pair::new(Curve::P256)?,
            form,
        })
    }

    /// Certificates of the authority, the one that issues first.
    pub(crate) fn chain(&self) -> [&[u8]; 2] {
        [&self.intermediate, &self.root]
    }

    pub(crate) const fn ct_log(&self) -> &Pair {
        &self.ct_log
    }

    /// Fulcio's answer to a request whose token holds these claims.
    ///
    /// # Errors
    ///
    /// Fails when the request proves no key.
    pub(crate) fn issue(
        &self,
        claims: Map<String, Value>,
        body: &Value,
        now: Time,
        lie: Option<Lie>,
    ) -> Result<Value> {
        let key = proved(body, &claims)?;
        let mut request = Request { claims, key };
        match lie {
            Some(Lie::OtherKey) => {
                request.key = Public::from_spki(&Pair::new(Curve::P256)?.spki())?;
            }
            Some(Lie::OtherIdentity) => {
                let mallory = "https://example.com/mallory";
                request.claims.retain(|name, _| name == "iss");
                request.claims.insert("sub".to_owned(), mallory.into());
            }
            // Lies of other services do not reach this one.
            Some(_) | None => {}
        }
        let start = match lie {
            Some(Lie::Expired) => clock::before(now, 2 * i64::from(LEAF_S)),
            Some(_) | None => now,
        };
        match lie {
            Some(Lie::OtherAuthority) => {
                let other = Self::new(now, self.form)?;
                let other = Self {
                    ct_log: Pair::new(Curve::P256)?,
                    ..other
                };
                other.answer(&request, start, &other.ct_log)
            }
            Some(Lie::OtherCtLog) => self.answer(&request, start, &Pair::new(Curve::P256)?),
            Some(_) | None => self.answer(&request, start, &self.ct_log),
        }
    }

    fn answer(&self, request: &Request, start: Time, ct_log: &Pair) -> Result<Value> {
        let mut template = Template {
            serial: serial()?,
            purpose: Purpose::Code,
            subject: name(None),
            start: clock::whole(start),
            end: clock::after(clock::whole(start), LEAF_S),
            spki: request.key.spki(),
            extensions: identity(&request.claims)?,
        };
        let sct_of = |logged: &Logged<'_>| Sct::sign(ct_log, logged, start);
        if self.form == SctForm::Embedded {
            let tbs = template.tbs(&self.issuing);
            let issuer_spki = &self.issuing.key.spki();
            let logged = Logged::Precertificate {
                issuer_spki,
                tbs: &tbs,
            };
            template.extensions.push(sct_of(&logged)?.extension()?);
        }
        let leaf = template.sign(&self.issuing)?;
        let certificates: Vec<String> = [leaf.as_slice(), &self.intermediate, &self.root]
            .iter()
            .map(|bytes| pem("CERTIFICATE", bytes))
            .collect();
        let chain = json!({ "certificates": certificates });
        Ok(match self.form {
            SctForm::Embedded => json!({ "signedCertificateEmbeddedSct": { "chain": chain } }),
            // The real one calls an SCT that is not there detached.
            SctForm::Absent => json!({ "signedCertificateDetachedSct": { "chain": chain } }),
            SctForm::Detached => {
                let sct = sct_of(&Logged::Certificate(&leaf))?;
                // The form of RFC 6962 §4.1, as certificate-transparency-go writes it.
                let sct = json!({
                    "sct_version": 0,
                    "id": STANDARD.encode(sct.log.as_bytes()),
                    "timestamp": sct.timestamp_ms,
                    "extensions": "",
                    "signature": STANDARD.encode(&sct.signature),
                });
                let sct = STANDARD.encode(sct.to_string());
                json!({ "signedCertificateDetachedSct": {
                    "chain": chain, "signedCertificateTimestamp": sct,
                } })
            }
        })
    }
}

/// A root that has just been made.
pub(crate) fn root(common: &str, start: Time, end: Time) -> Result<(Issuing, Vec<u8>)> {
    let issuing = Issuing {
        name: name(Some(("loopback", common))),
        key: Pair::new(Curve::P256)?,
    };
    let certificate = Template {
        serial: serial()?,
        purpose: Purpose::Root,
        subject: issuing.name.clone(),
        start,
        end,
        spki: &issuing.key.spki(),
        extensions: Vec::new(),
    }
    .sign(&issuing)?;
    Ok((issuing, certificate))
}

/// The key of the request, when the request proves that the asker has it.
fn proved(body: &Value, claims: &Map<String, Value>) -> Result<Public> {
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
    if let Some(request) = text("/certificateSigningRequest") {
        let pem = String::from_utf8(STANDARD.decode(request)?)?;
        return from_signing_request(&unpem(&pem)?.1);
    }
    let content = text("/publicKeyRequest/publicKey/content").context("no public key")?;
    let (key, _) = Public::from_pem(content)?;
    let proof = text("/publicKeyRequest/proofOfPossession").context("no proof of possession")?;
    key.verify(challenge(claims)?.as_bytes(), &STANDARD.decode(proof)?)
        .context("the signature supplied in the request could not be verified")?;
    Ok(key)
}

/// The key of a PKCS#10 request (RFC 2986 §4.2).
fn from_signing_request(bytes: &[u8]) -> Result<Public> {
    let mut request = der::Reader(bytes).sequence()?;
    let signed = request.expect(der::SEQUENCE)?;
    request.expect(der::SEQUENCE)?;
    let signature = request.expect(der::BITS)?.content;
    let mut info = der::Reader(signed.content);
    info.expect(der::INTEGER)?;
    info.expect(der::SEQUENCE)?;
    let key = Public::from_spki(info.expect(der::SEQUENCE)?.whole)?;
    key.verify(signed.whole, signature.get(1..).unwrap_or_default())?;
    Ok(key)
}

/// What the asker has to sign: the address, or else the subject.
fn challenge(claims: &Map<String, Value>) -> Result<&str> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("email").is_some() {
        let verified = claims.get("email_verified") == Some(&Value::Bool(true));
        ensure!(verified, "email_verified claim was false");
    }
    text("email").or(text("sub")).context("no subject")
}

/// SAN and Fulcio's own extensions (sigstore/fulcio `docs/oid-info.md`).
fn identity(claims: &Map<String, Value>) -> Result<Vec<Vec<u8>>> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let forge = "https://github.com/";
    let (tag, subject) = match (text("job_workflow_ref"), text("email")) {
        (Some(workflow), _) => (0x86, format!("{forge}{workflow}")),
        (None, Some(email)) => (0x81, email.to_owned()),
        (None, None) => (0x86, text("sub").context("no subject")?.to_owned()),
    };
    let subject = der::sequence(&[&der::tlv(tag, &[subject.as_bytes()])]);
    let mut all = vec![extension(&[2, 5, 29, 17], Weight::Critical, &subject)];
    let mut add = |number: u32, text: &str| {
        let id = [1, 3, 6, 1, 4, 1, 57264, 1, number];
        // The first six hold their text as it is.
        let value = match number {
            ..=6 => text.as_bytes().to_vec(),
            _ => der::utf8(text),
        };
        all.push(extension(&id, Weight::Optional, &value));
    };
    let issuer = text("iss").unwrap_or_default();
    add(1, issuer);
    if text("job_workflow_ref").is_some() {
        for (number, claim) in [
            (2, "event_name"),
            (3, "sha"),
            (4, "workflow"),
            (5, "repository"),
            (6, "ref"),
        ] {
            add(number, text(claim).unwrap_or_default());
        }
    }
    add(8, issuer);
    for (number, prefix, claim) in GITHUB {
        if let Some(text) = text(claim).filter(|_| claims.contains_key("job_workflow_ref")) {
            add(number, &format!("{prefix}{text}"));
        }
    }
    let run = ["repository", "run_id", "run_attempt"].map(text);
    if let [Some(repository), Some(run), Some(attempt)] = run {
        let run = format!("{forge}{repository}/actions/runs/{run}/attempts/{attempt}");
        add(21, &run);
    }
    for (number, claim) in [
        (22, "repository_visibility"),
        (23, "environment"),
        (24, "sub"),
    ] {
        if let Some(text) = text(claim) {
            add(number, text);
        }
    }
    Ok(all)
}

const GITHUB: [(u32, &str, &str); 12] = [
    (9, "https://github.com/", "job_workflow_ref"),
    (10, "", "job_workflow_sha"),
    (11, "", "runner_environment"),
    (12, "https://github.com/", "repository"),
    (13, "", "sha"),
    (14, "", "ref"),
    (15, "", "repository_id"),
    (16, "https://github.com/", "repository_owner"),
    (17, "", "repository_owner_id"),
    (18, "https://github.com/", "workflow_ref"),
    (19, "", "workflow_sha"),
    (20, "", "event_name"),
];
