//! What a service of the loopback instance does wrong, and for how long.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::http::{Answer, Ending, Gate};

/// A service of the loopback instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Tokens: the issuer's documents, and GitHub's endpoint for jobs.
    Issuer,
    /// `POST /api/v2/signingCert`.
    Fulcio,
    /// `/api/v1/log/entries`.
    RekorV1,
    /// `POST /api/v2/log/entries`.
    RekorV2,
    /// `POST /api/v1/timestamp`.
    Stamps,
}

/// One thing that goes wrong with one request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The request is not looked at; this is the answer.
    Instead(Answer),
    /// The request is served, and the connection closes without an answer:
    /// an entry is in the log, and the client does not know.
    Lost,
    /// The request is served, and its answer waits until the gate is open.
    Held(Gate),
    /// The answer looks right and is not.
    Lie(Lie),
}

impl Fault {
    /// Another status with a short body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Instead(Answer::new(status).body(format!("scripted {status}\n")))
    }

    /// Another status with `Retry-After`, in seconds.
    #[must_use]
    pub fn retry_after(status: u16, seconds: u32) -> Self {
        let answer = Answer::new(status).header("retry-after", &seconds.to_string());
        Self::Instead(answer)
    }

    /// A refusal with a JSON body.
    #[must_use]
    pub fn refuse(status: u16, body: &str) -> Self {
        Self::Instead(
            Answer::new(status)
                .header("content-type", "application/json")
                .body(body),
        )
    }

    /// The request is not served; it is refused when the gate opens.
    #[must_use]
    pub fn hang(gate: &Gate) -> Self {
        Self::Instead(Answer::new(503).held(gate))
    }

    /// The connection closes before the request is served.
    #[must_use]
    pub const fn drop() -> Self {
        Self::Instead(Answer::new(500).ending(Ending::CloseAtOnce))
    }
}

/// A wrong answer of the right shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Fulcio: the certificate is for another key.
    OtherKey,
    /// Fulcio: the certificate is for another identity.
    OtherIdentity,
    /// Fulcio: the certificate ended ten minutes ago.
    Expired,
    /// Fulcio and the TSA: the certificate is issued by nobody known.
    OtherAuthority,
    /// Fulcio: the SCT is signed by a log that nobody knows.
    OtherCtLog,
    /// Rekor: the entry is a true one, for another signature.
    OtherEntry,
    /// Rekor: the checkpoint is signed by a log that nobody knows.
    OtherLog,
    /// Rekor v1: the promise is signed by a log that nobody knows.
    OtherPromise,
    /// Rekor: one hash of the inclusion proof is wrong.
    WrongProof,
    /// The TSA: the stamp is for other bytes.
    OtherImprint,
    /// Rekor v1 and the TSA: truly signed, and two years ago, when nobody's
    /// certificate was valid.
    OtherTime,
    /// The TSA: another nonce than the request's.
    OtherNonce,
    /// The TSA: no stamp but a refusal with status 200 (RFC 3161 §2.4.2).
    Rejection,
}

impl Lie {
    /// Whether that service can tell it.
    const fn fits(self, service: Service) -> bool {
        match self {
            Self::OtherKey | Self::OtherIdentity | Self::Expired | Self::OtherCtLog => {
                matches!(service, Service::Fulcio)
            }
            Self::OtherAuthority => matches!(service, Service::Fulcio | Service::Stamps),
            Self::OtherEntry | Self::OtherLog | Self::WrongProof => {
                matches!(service, Service::RekorV1 | Service::RekorV2)
            }
            Self::OtherTime => matches!(service, Service::RekorV1 | Service::Stamps),
            Self::OtherPromise => matches!(service, Service::RekorV1),
            Self::OtherImprint | Self::OtherNonce | Self::Rejection => {
                matches!(service, Service::Stamps)
            }
        }
    }
}

/// The script of all services.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script(Arc<Mutex<HashMap<Service, Faults>>>);

#[derive(Debug, Default)]
struct Faults {
    next: VecDeque<Fault>,
    lasting: Option<Fault>,
}

impl Script {
    fn locked(&self) -> MutexGuard<'_, HashMap<Service, Faults>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn next(&self, service: Service, requests: usize, fault: &Fault) {
        assert_fits(service, fault);
        let mut all = self.locked();
        let faults = &mut all.entry(service).or_default().next;
        faults.extend(std::iter::repeat_n(fault.clone(), requests));
    }

    pub(crate) fn until_healed(&self, service: Service, fault: &Fault) {
        assert_fits(service, fault);
        self.locked().entry(service).or_default().lasting = Some(fault.clone());
    }

    pub(crate) fn heal(&self, service: Service) {
        self.locked().remove(&service);
    }

    /// What goes wrong with the request that just came.
    pub(crate) fn take(&self, service: Service) -> Option<Fault> {
        let mut all = self.locked();
        let faults = all.get_mut(&service)?;
        faults.next.pop_front().or_else(|| faults.lasting.clone())
    }
}

/// A script that cannot be followed would make a test pass for no reason.
fn assert_fits(service: Service, fault: &Fault) {
    if let Fault::Lie(lie) = fault {
        assert!(lie.fits(service), "{service:?} cannot tell {lie:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_comes_first_and_the_rest_lasts_until_healed() {
        let script = Script::default();
        let service = Service::Fulcio;
        script.next(service, 2, &Fault::Lost);
        script.until_healed(service, &Fault::Lie(Lie::Expired));
        let lost = |fault: Option<Fault>| matches!(fault, Some(Fault::Lost));
        assert!(lost(script.take(service)));
        assert!(script.take(Service::Stamps).is_none());
        assert!(lost(script.take(service)));
        for _ in 0..3 {
            let fault = script.take(service);
            assert!(matches!(fault, Some(Fault::Lie(Lie::Expired))));
        }
        script.heal(service);
        assert!(script.take(service).is_none());
    }

    #[test]
    #[should_panic(expected = "Fulcio cannot tell OtherImprint")]
    fn a_lie_that_a_service_cannot_tell_is_refused() {
        Script::default().next(Service::Fulcio, 1, &Fault::Lie(Lie::OtherImprint));
    }
}
