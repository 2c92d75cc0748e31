//! `release`: writes `release.json` and attests it together with its artifacts,
//! each of which somebody in the builder role has signed.

mod builders;
mod collect;
mod describe;
mod part;
mod refer;

use std::collections::BTreeMap;
use std::path::PathBuf;

use liftlock::config::effective::Rules;
use liftlock::config::trust::Role;
use liftlock::crypto::Signer as _;
use liftlock::digest::Digest;
use liftlock::failure::Failure;
use liftlock::name::Name;
use liftlock::oci::compat::Format;
use liftlock::record::{Actor, Id, Kind as RecordKind, Record};
use liftlock::release::{Identified, Release};
use liftlock::report::Report;
use liftlock::verdict::Verdict;
use liftlock_io::cli::office::Office;
use liftlock_io::cli::{Session, progress};
use liftlock_io::evidence::Evidence;
use liftlock_io::ledger::Ledger;
use liftlock_io::{attest, clock, file};
use serde::Serialize;

use crate::args;
use crate::attest::images;
use crate::found::Raw;
use crate::image;
use crate::pen::{Pen, Signatory};
use crate::proof::Signer;
use crate::setting::{Flags, Setting};
use crate::shared::places;
use crate::sign::write;
use crate::target::{Target, beside};

use builders::{Builders, Signed as Proof};
use collect::Collected;
use describe::{Made, describe};
use refer::Referred;

/// Where the attestation goes: beside the release. It is written first: a
/// release.json without one proves nothing, but nobody takes an attestation
/// for a release.
const SIDECAR: &str = ".sigstore.json";

#[derive(Serialize)]
struct Released<'a> {
    release_digest: Digest,
    release_file: String,
    bundle: String,
    bundle_digest: Digest,
    #[serde(flatten)]
    signed_as: Signatory,
    evidence: Option<&'a str>,
    release: &'a Release,
    /// Who signed each artifact, where that was asked for.
    signed_by: BTreeMap<Name, Signer>,
    /// References to bundles that were nowhere to be seen.
    unseen: Vec<Digest>,
    /// The images that the attestation is attached to.
    attached: Vec<String>,
}

pub(crate) fn run(asked: &args::Release, session: &Session) -> Result<Report, Failure> {
    // Flags never say everything: whether artifacts have to be signed, and by
    // whom, is the configuration's to say.
    let setting = Setting::find(Flags::Partial, session)?;
    let mut collected = known(asked, &setting, session)?;
    let location = setting.evidence(asked.evidence.as_ref());
    let store = location.as_deref().map(Evidence::open).transpose()?;
    if let Some(name) = &asked.part {
        refer::all(asked, &mut collected, &Builders::Anyone, store.as_ref())?;
        return part::write(name, asked, collected.merged, session);
    }
    let pen = counting(asked, &setting, session)?;
    let builders = Builders::find(asked, setting.rules(), &pen.own(), session)?;
    let referred = refer::all(asked, &mut collected, &builders, store.as_ref())?;
    let signed = match prove(asked, &collected, &builders, store.as_ref())? {
        Ok(signed) => signed,
        Err(unsigned) => return Ok(refused(&unsigned, &builders, &setting)),
    };
    let made = Made::new(&pen, &describe(asked, &setting, &collected, session)?)?;
    let output = asked.output.clone();
    let output = output.unwrap_or_else(|| PathBuf::from("release.json"));
    let mut attached = Vec::new();
    if !session.dry_run {
        write(&beside(&output, SIDECAR), &made.bundle, session)?;
        file::write(&output, &made.bytes)?;
        if let Some(store) = &store {
            session.check()?;
            attest::keep(store, &made.statement, &made.bundle)?;
            keep(store, &collected, &signed, &referred)?;
        }
        let work = image::Asked {
            pen: &pen,
            format: Format::V3,
            store: None,
            session,
        };
        for (image, text) in images(collected.targets.values()) {
            let made = work.attest(image, &made.statement, &made.bundle)?;
            attached.extend(made.iter().map(|one| one.line(text)));
        }
    }
    let recorded = ledger(&setting, session, &made, &pen)?;
    let signed = signed.iter();
    let detail = Released {
        release_digest: made.identified.digest,
        release_file: output.display().to_string(),
        bundle: beside(&output, SIDECAR).display().to_string(),
        bundle_digest: made.bundle.digest(),
        signed_as: pen.signatory(),
        evidence: location.as_deref(),
        release: &made.identified.release,
        signed_by: signed
            .map(|(name, proof)| (name.clone(), proof.signer.clone()))
            .collect(),
        unseen: referred.unseen,
        attached,
    };
    let report = aimed(report(&detail, session), &setting, detail.release);
    Ok(report.with_policy(setting.origin(), recorded))
}

/// The artifacts, if the rules know all of them; those of a release have to be
/// all that the rules know, as nothing would take another one.
fn known(
    asked: &args::Release,
    setting: &Setting,
    session: &Session,
) -> Result<Collected, Failure> {
    let collected = collect::all(asked, session)?;
    if let Some(rules) = setting.rules() {
        let artifacts: Vec<&Name> = collected.merged.artifacts.keys().collect();
        match &asked.part {
            Some(_) => rules.know(&artifacts)?,
            None => rules.fit(&artifacts)?,
        }
    }
    Ok(collected)
}

/// What signs, unless it is a key of which the rules would count nothing; says
/// where they let nobody count.
fn counting<'a>(
    asked: &args::Release,
    setting: &Setting,
    session: &'a Session,
) -> Result<Pen<'a>, Failure> {
    let pen = Pen::open(&asked.signing, session)?;
    let office = Office {
        role: Role::Builder,
        rules: setting.rules(),
    };
    let key = pen.key().map(|key| key.public_key());
    let useless = key
        .map(|key| office.counts(key, clock::now()))
        .transpose()?;
    if let (Some(key), Some(why)) = (key, useless.flatten()) {
        progress(&format!("key {} signs, and {why}", key.id().short()));
    }
    Ok(pen)
}

/// Says where the release could not go, which need not be where it is to go.
fn aimed(report: Report, setting: &Setting, release: &Release) -> Report {
    let artifacts: Vec<&Name> = release.artifacts.keys().collect();
    let rules = setting.rules();
    let aimless = rules.map_or(Vec::new(), |rules| rules.aimless(&artifacts));
    match aimless.as_slice() {
        [] => report,
        lines => report.with_caution(&lines.join("; ")),
    }
}

/// Tells the ledger, where there is one, and says whether.
fn ledger(
    setting: &Setting,
    session: &Session,
    made: &Made,
    pen: &Pen<'_>,
) -> Result<bool, Failure> {
    let Some(rules) = setting.rules().filter(|_| !session.dry_run) else {
        return Ok(false);
    };
    let record = record(
        rules,
        session,
        &made.identified,
        (pen, made.bundle.digest()),
    );
    Ledger::open(&rules.ledger)?.append(&record)?;
    Ok(true)
}

fn report(detail: &Released<'_>, session: &Session) -> Report {
    let release = detail.release;
    let done = if session.dry_run { "would be" } else { "is" };
    let headline = format!(
        "release `{}` {done} `{}`",
        release.id, detail.release_digest
    );
    let lines = release.artifacts.iter();
    let lines = lines.map(|(name, one)| format!("{}  {name} ({})\n", one.digest, one.name));
    let unseen = detail.unseen.iter();
    let unseen = unseen.map(|digest| format!("not seen, taken as it is: {digest}\n"));
    Report::new("release", Verdict::Pass, headline)
        .with_scope(Some(release.service.clone()), None)
        .with_output("release-id", release.id.clone())
        .with_output("release-digest", detail.release_digest.to_string())
        .with_output("release-file", detail.release_file.clone())
        .with_output("bundle", detail.bundle.clone())
        .with_human(lines.chain(unseen).collect::<String>())
        .with_detail(detail)
}

/// An artifact that nobody signed who should have.
#[derive(Serialize)]
struct Unsigned {
    name: Name,
    digest: Digest,
    reason: String,
    command: String,
}

type Signed = Vec<(Name, Proof)>;

/// Looks for a signature of each artifact.
fn prove(
    asked: &args::Release,
    collected: &Collected,
    builders: &Builders,
    store: Option<&Evidence>,
) -> Result<Result<Signed, Vec<Unsigned>>, Failure> {
    let Builders::Trusted { trust, .. } = builders else {
        return Ok(Ok(Vec::new()));
    };
    let given = asked.bundle.iter().flat_map(|path| places(path));
    let given = given.map(|path| Raw::read(&path));
    let given = collect::signatures(given.collect::<Result<_, _>>()?)?;
    let (mut signed, mut unsigned) = (Vec::new(), Vec::new());
    for (name, piece) in &collected.merged.artifacts {
        let digest = piece.artifact.digest;
        let found = [piece.signatures.as_slice(), &given].concat();
        let bare = Target::bare(piece.artifact.name.as_str(), digest);
        let target = collected.targets.get(name).unwrap_or(&bare);
        match builders::look(target, trust, &found, store)? {
            Ok(proof) => signed.push((name.clone(), proof)),
            Err(reason) => {
                let place = &target.text;
                unsigned.push(Unsigned {
                    name: name.clone(),
                    digest,
                    reason,
                    command: format!("sign-artifact sign --key BUILDER.key {place}"),
                });
            }
        }
    }
    Ok(if unsigned.is_empty() {
        Ok(signed)
    } else {
        Err(unsigned)
    })
}

fn refused(unsigned: &[Unsigned], builders: &Builders, setting: &Setting) -> Report {
    let who = match builders {
        Builders::Trusted { who, .. } => who,
        Builders::Anyone => "anyone",
    };
    let names: Vec<String> = unsigned.iter().map(|one| one.name.to_string()).collect();
    let are = if names.len() == 1 { "is" } else { "are" };
    let headline = format!("{} {are} not signed by {who}", crate::expand::shown(&names));
    let lines = unsigned.iter().map(|one| {
        let (name, digest, reason, command) = (&one.name, &one.digest, &one.reason, &one.command);
        format!("BAD {digest}  {name}: {reason}\n    {command}\n")
    });
    Report::new("release", Verdict::Fail, headline)
        .with_policy(setting.origin(), false)
        .with_output("missing", unsigned.len().to_string())
        .with_human(lines.collect::<String>())
        .with_detail(&serde_json::json!({ "unsigned": unsigned }))
}

/// Keeps what proves the artifacts, and what they refer to, as evidence about
/// each of them.
fn keep(
    store: &Evidence,
    collected: &Collected,
    signed: &[(Name, Proof)],
    referred: &Referred,
) -> Result<(), Failure> {
    for (name, proof) in signed {
        if let Some(piece) = collected.merged.artifacts.get(name) {
            let kind = builders::kind(&proof.bundle)?;
            store.put(&[piece.artifact.digest], &kind, proof.bundle.bytes())?;
        }
    }
    for (about, bundle) in &referred.bundles {
        store.put(&[*about], &builders::kind(bundle)?, bundle.bytes())?;
    }
    Ok(())
}

/// The ledger's word about the signature; whoever signs the same again adds nothing.
fn record(
    rules: &Rules,
    session: &Session,
    release: &Identified,
    (pen, bundle): (&Pen<'_>, Digest),
) -> Record {
    let signed_as = pen.signatory();
    let who = rules.trust.holder(pen.public_key());
    let known = signed_as.identity.as_ref().map(ToString::to_string);
    let actor = Actor {
        proof: if known.is_some() {
            "certificate"
        } else {
            "key"
        }
        .to_owned(),
        id: match (who, &known) {
            (Some(who), _) => who.to_string(),
            (None, Some(known)) => known.clone(),
            (None, None) => signed_as.key_id.short(),
        },
    };
    let signer = known.unwrap_or_else(|| signed_as.key_id.to_string());
    let about = release.digest.to_string();
    let mut record = Record::new(
        Id::derived(&["signed", &about, &signer]),
        RecordKind::Signed,
        clock::now(),
        release.release.service.clone(),
        actor,
    );
    record.release = Some(release.reference());
    record.commit.clone_from(&release.release.commit);
    record.run_url.clone_from(&session.ci.url);
    record.policy = Some(rules.policy);
    record.evidence = vec![bundle];
    record.verdict = Some(Verdict::Pass);
    record
}
