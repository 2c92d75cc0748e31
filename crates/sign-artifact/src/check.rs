//! `verify`: proves signatures and attestations with pinned keys, offline
//! unless an image is in a registry.

use liftlock::bundle::{Bundle, Unchecked};
use liftlock::config::trust::Role;
use liftlock::crypto::{Hash, PublicKey};
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::predicate::SIGNATURE;
use liftlock::report::{PolicyOrigin, Report};
use liftlock::signature::Artifact;
use liftlock::sigstore::verify::Witness;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::evidence::Evidence;
use liftlock_io::http;
use serde::Serialize;

use crate::args::Verify;
use crate::expand::{self, Absent, Skipped, Typed};
use crate::found::{Form, Raw, gather, kept};
use crate::image::Reach;
use crate::layer;
use crate::proof::{Company, Proof, Signer, Trust, prove};
use crate::shared::Shared;
use crate::tally;
use crate::target::{Place, Target};
use crate::trust_root::Standing;
use crate::wanted::Wanted;

#[derive(Serialize)]
struct Checked {
    wanted: String,
    targets: Vec<One>,
    /// What is no target, in folders and of patterns.
    skipped: Vec<Skipped>,
    /// The root that certificates, logs and clocks were proved by.
    #[serde(skip_serializing_if = "Option::is_none")]
    trusted_root: Option<Standing>,
}

/// What was found out about one target.
#[derive(Debug, Serialize)]
pub(crate) struct One {
    pub(crate) target: String,
    pub(crate) digest: Digest,
    pub(crate) verified: bool,
    /// The keys that proved it, each once.
    pub(crate) key_ids: Vec<Digest>,
    /// Everybody who signed, keys and identities, each once.
    pub(crate) signers: Vec<Signer>,
    /// The entries of `trust` that they are, where rules name whom to trust.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) entries: Vec<Name>,
    /// Where a proof was, or where there was none.
    pub(crate) bundles: Vec<Seen>,
    /// Why the signers are too few.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) short: Option<String>,
}

/// One bundle that was looked at.
#[derive(Debug, Serialize)]
pub(crate) struct Seen {
    pub(crate) from: String,
    pub(crate) verified: bool,
    /// Who saw the signature, and when.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) witnesses: Vec<Witness>,
    /// Why it does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Log entries and timestamps that a check with a pinned key leaves unread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unchecked: Option<Unchecked>,
}

pub(crate) fn run(asked: &Verify, session: &Session) -> Result<Report, Failure> {
    let (trust, policy) = whom(asked, session)?;
    let evidence = asked.evidence.as_deref().map(Evidence::open).transpose()?;
    let wanted = asked.predicate_type.as_deref();
    let wanted = wanted.map_or(Wanted::Signature, Wanted::Type);
    let typed = Typed {
        texts: &asked.targets,
        checksums: asked.checksums.as_deref(),
        absent: Absent::of(asked.listed_digests),
        hash: Hash::Sha256,
    };
    let chosen = expand::all(&typed, session)?;
    let shared = asked.bundle.as_deref();
    let shared = shared
        .map(|path| Shared::open(path, &trust, wanted))
        .transpose()?;
    let mut targets = Vec::new();
    for target in &chosen.targets {
        session.check()?;
        let mut found = match &shared {
            Some(_) => Vec::new(),
            None => gather(target, wanted)?,
        };
        if let Some(evidence) = &evidence {
            found.extend(kept(evidence, &target.digest)?);
        }
        let mut one = judge(target, &found, &trust, wanted)?;
        if let Some(shared) = &shared {
            shared.judge(&mut one, target)?;
        }
        targets.push(one);
        if asked.recursive.reach() == Reach::All {
            targets.extend(below(target, &trust, wanted)?);
        }
    }
    for one in &mut targets {
        one.count(asked.trusting.threshold, &trust);
    }
    let report = report(wanted, targets, chosen.skipped, trust.standing);
    Ok(report.with_policy(policy, false))
}

/// Whose signatures count: of those that flags name, or that the rules give a
/// role.
fn whom(asked: &Verify, session: &Session) -> Result<(Trust, PolicyOrigin), Failure> {
    let Some(role) = asked.role.map(Role::from) else {
        return Ok((asked.trusting.trust(session)?, PolicyOrigin::default()));
    };
    let uri = asked.predicate_type.as_deref().unwrap_or(SIGNATURE);
    if Role::of_predicate(uri) != Some(role) {
        let message = format!("`--role` is not the role that may say `{uri}`");
        return Err(Failure::new(Kind::Usage, message));
    }
    if asked.trusting.offline {
        http::forbid();
    }
    let rules = session.rules()?.ok_or_else(|| {
        Failure::new(Kind::Invalid, "no rules say who is in the role")
            .with_hint("give `--config FILE`, or set `LIFTLOCK_POLICY`")
    })?;
    Ok((Trust::role(role, &rules, session.started), rules.origin))
}

/// Judges everything that an index lists, each by what is attached to it.
fn below(target: &Target, trust: &Trust, wanted: Wanted<'_>) -> Result<Vec<One>, Failure> {
    let Place::Image {
        repository,
        descriptor,
    } = &target.place
    else {
        return Ok(Vec::new());
    };
    let mut judged = Vec::new();
    for one in repository.tree(descriptor)?.iter().skip(1) {
        let child = Target {
            size: Some(one.size),
            ..Target::bare(format!("{}@{}", target.text, one.digest), one.digest)
        };
        let found = layer::gather(repository, &one.digest, wanted)?;
        judged.push(judge(&child, &found, trust, wanted.of_image())?);
    }
    Ok(judged)
}

fn report(
    wanted: Wanted<'_>,
    targets: Vec<One>,
    skipped: Vec<Skipped>,
    trusted_root: Option<Standing>,
) -> Report {
    let bad: Vec<&One> = targets.iter().filter(|one| !one.verified).collect();
    let (verdict, headline) = match (bad.as_slice(), targets.as_slice()) {
        ([], [one]) => (
            Verdict::Pass,
            format!("`{}` is `{}` and signed", one.target, one.digest),
        ),
        ([], many) => (Verdict::Pass, format!("{} targets are signed", many.len())),
        ([first], [_]) => (
            Verdict::Fail,
            format!("`{}`: {}", first.target, reason(first)),
        ),
        ([first, ..], all) => (
            Verdict::Fail,
            format!(
                "{} of {} targets are not proved: `{}`: {}",
                bad.len(),
                all.len(),
                first.target,
                reason(first)
            ),
        ),
    };
    // What is wrong comes first: of many lines only some are shown.
    let mut ordered: Vec<&One> = targets.iter().collect();
    ordered.sort_by_key(|one| one.verified);
    let lines = ordered.into_iter().map(|one| {
        let mark = if one.verified { "ok" } else { "BAD" };
        let why = if one.verified {
            one.proofs()
        } else {
            format!(": {}", reason(one))
        };
        format!("{mark:<4}{}  {}{why}\n", one.digest, one.target)
    });
    let root = trusted_root.iter();
    let root: String = root.map(|one| format!("trusted root {one}\n")).collect();
    let human = expand::lines(lines) + &expand::told(&skipped) + &root;
    let mut report = Report::new("verify", verdict, headline).with_human(human);
    if let [one] = targets.as_slice() {
        report = report.with_output("digest", one.digest.to_string());
    }
    let good = targets.iter().filter(|one| one.verified).count();
    report
        .with_output("verified", good.to_string())
        .with_detail(&Checked {
            wanted: wanted.to_string(),
            targets,
            skipped,
            trusted_root,
        })
}

pub(crate) fn reason(one: &One) -> String {
    let bundles = one.bundles.iter();
    let reasons: Vec<&str> = bundles
        .filter_map(|seen| seen.reason.as_deref())
        .chain(one.short.as_deref())
        .collect();
    if reasons.is_empty() {
        "no signature was found".to_owned()
    } else {
        reasons.join("; ")
    }
}

/// Looks at every bundle; one that proves is enough.
pub(crate) fn judge(
    target: &Target,
    found: &[Raw],
    trust: &Trust,
    wanted: Wanted<'_>,
) -> Result<One, Failure> {
    let mut one = One {
        target: target.text.clone(),
        digest: target.digest,
        verified: false,
        key_ids: Vec::new(),
        signers: Vec::new(),
        entries: Vec::new(),
        bundles: Vec::new(),
        short: None,
    };
    let company = Company::of(found.len());
    let wanted = wanted.at(&target.place);
    for raw in found {
        let (outcome, unchecked) = match &raw.form {
            Form::Layer(layer) => {
                let outcome = layer::verify(layer, &target.digest, trust, wanted);
                (company.settle(outcome)?, Unchecked::default())
            }
            Form::Broken(reason) => (Err(reason.clone()), Unchecked::default()),
            Form::Bundle => match raw.bundle() {
                Ok(bundle) => {
                    let known = target.known(&bundle, &trust.keys)?;
                    let outcome = prove(&bundle, &known.artifact(), trust, wanted);
                    (company.settle(outcome)?, bundle.unchecked())
                }
                Err(failure) if raw.sole && company == Company::Alone => return Err(failure),
                Err(failure) => (Err(failure.lines().join(": ")), Unchecked::default()),
            },
        };
        one.add(&raw.from, outcome, unchecked);
    }
    Ok(one)
}

/// Whether the holder of this key signed the image with this digest.
pub(crate) fn signs(bundle: &Bundle, digest: &Digest, key: &PublicKey) -> bool {
    let trust = Trust::keys(vec![key.clone()]);
    prove(
        bundle,
        &Artifact::known_by(*digest),
        &trust,
        Wanted::ImageSignature,
    )
    .is_ok()
}

impl One {
    /// Who signed, and who saw it, for people.
    fn proofs(&self) -> String {
        let signers = self
            .signers
            .iter()
            .map(|signer| format!("\n    by {signer}"));
        let seen = self.bundles.iter().flat_map(|seen| &seen.witnesses);
        let seen = seen.map(|witness| format!("\n    seen by {witness}"));
        signers.chain(seen).collect()
    }

    /// Insists on so many different signers.
    fn count(&mut self, threshold: u32, trust: &Trust) {
        // One entry with two keys is one signer.
        let found = match self.entries.len() {
            0 => tally::count(&self.signers, trust),
            entries => entries,
        };
        if self.verified && u32::try_from(found).unwrap_or(u32::MAX) < threshold {
            self.verified = false;
            self.short = Some(format!(
                "signed by {found} of the {threshold} that are needed"
            ));
        }
    }

    /// Notes what one bundle was good for.
    pub(crate) fn add(&mut self, from: &str, outcome: Result<Proof, String>, unchecked: Unchecked) {
        let verified = outcome.is_ok();
        let mut witnesses = Vec::new();
        let reason = match outcome {
            Ok(proof) => {
                self.verified = true;
                if let Signer::Key(id) = &proof.signer
                    && !self.key_ids.contains(id)
                {
                    self.key_ids.push(*id);
                }
                if let Some(by) = proof.by
                    && !self.entries.contains(&by)
                {
                    self.entries.push(by);
                }
                if !self.signers.contains(&proof.signer) {
                    self.signers.push(proof.signer);
                }
                witnesses = proof.witnesses;
                None
            }
            Err(reason) => Some(reason),
        };
        let unchecked = if witnesses.is_empty() {
            unchecked
        } else {
            Unchecked::default()
        };
        self.bundles.push(Seen {
            from: from.to_owned(),
            verified,
            reason,
            witnesses,
            unchecked: Some(unchecked).filter(|rest| rest.log_entries + rest.timestamps > 0),
        });
    }
}
