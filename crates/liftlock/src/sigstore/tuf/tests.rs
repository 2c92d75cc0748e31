//! A repository in memory, and everything that somebody in the middle can do
//! to it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::crypto::{Hash, PublicKey, Verifier};
use crate::failure::{Explain as _, Kind};
use crate::time::Time;

const NOW: &str = "2026-06-01T00:00:00Z";
const LATER: &str = "2026-07-01T00:00:00Z";
const PAST: &str = "2026-05-31T23:59:59Z";

/// A signature is the digest of key and message: the mathematics of the real
/// ones are tested where they are.
struct Check;

fn mark(bits: &[u8], message: &[u8]) -> Vec<u8> {
    Sha256::digest([bits, message].concat()).to_vec()
}

impl Verifier for Check {
    fn verify_with(&self, key: &PublicKey, _: Hash, message: &[u8], signature: &[u8]) -> bool {
        signature == mark(key.bits(), message)
    }

    fn verify_prehashed(&self, _: &PublicKey, _: Hash, _: &[u8], _: &[u8]) -> bool {
        false
    }
}

fn now() -> Time {
    NOW.parse().unwrap()
}

fn id(number: u8) -> String {
    format!("key-{number}")
}

fn signed(body: &Value, by: &[u8]) -> Vec<u8> {
    let message = canonical::bytes(body).unwrap();
    let signatures = by.iter().map(|number| {
        let sig = hex::encode(mark(&[*number; 32], &message));
        json!({ "keyid": id(*number), "sig": sig })
    });
    let signatures: Vec<Value> = signatures.collect();
    serde_json::to_vec(&json!({ "signed": body, "signatures": signatures })).unwrap()
}

fn described(version: u64, bytes: &[u8]) -> Value {
    let digest = hex::encode(Sha256::digest(bytes));
    json!({ "version": version, "length": bytes.len(), "hashes": { "sha256": digest } })
}

/// What a repository says, before it is signed.
#[derive(Clone)]
struct Repository {
    root: u64,
    /// Keys of the root role, with the threshold.
    root_keys: (Vec<u8>, u64),
    timestamp_key: u8,
    timestamp: u64,
    snapshot: u64,
    targets: u64,
    /// When root, timestamp, snapshot and targets expire.
    expires: [&'static str; 4],
    trusted: &'static str,
}

/// The keys of snapshot and targets.
const SNAPSHOT: u8 = 21;
const TARGETS: u8 = 22;

type Files = BTreeMap<String, Vec<u8>>;

impl Repository {
    fn new() -> Self {
        Self {
            root: 1,
            root_keys: (vec![1, 2, 3], 2),
            timestamp_key: 20,
            timestamp: 1,
            snapshot: 1,
            targets: 1,
            expires: [LATER; 4],
            trusted: "one",
        }
    }

    fn root(&self) -> Value {
        let (roots, threshold) = &self.root_keys;
        let all = roots.iter().copied();
        let all = all.chain([self.timestamp_key, SNAPSHOT, TARGETS]);
        let keys = all.map(|number| {
            let public = hex::encode([number; 32]);
            let key = json!({ "keytype": "ed25519", "scheme": "ed25519", "keyval": { "public": public } });
            (id(number), key)
        });
        let keys: serde_json::Map<String, Value> = keys.collect();
        let ids: Vec<String> = roots.iter().map(|number| id(*number)).collect();
        let role = |number| json!({ "keyids": [id(number)], "threshold": 1 });
        json!({
            "_type": "root", "spec_version": "1.0.31", "version": self.root,
            "expires": self.expires[0], "consistent_snapshot": true, "keys": keys,
            "roles": {
                "root": { "keyids": ids, "threshold": threshold },
                "timestamp": role(self.timestamp_key),
                "snapshot": role(SNAPSHOT),
                "targets": role(TARGETS),
            },
        })
    }

    fn head(kind: &str, version: u64, expires: &str) -> Value {
        json!({ "_type": kind, "spec_version": "1.0.31", "version": version, "expires": expires })
    }

    fn targets(&self) -> Vec<u8> {
        let mut body = Self::head("targets", self.targets, self.expires[3]);
        body["targets"] = json!({ TRUSTED_ROOT: described(1, self.trusted.as_bytes()) });
        signed(&body, &[TARGETS])
    }

    fn snapshot(&self) -> Vec<u8> {
        let mut body = Self::head("snapshot", self.snapshot, self.expires[2]);
        body["meta"] = json!({ "targets.json": described(self.targets, &self.targets()) });
        signed(&body, &[SNAPSHOT])
    }

    fn timestamp(&self) -> Vec<u8> {
        let mut body = Self::head("timestamp", self.timestamp, self.expires[1]);
        body["meta"] = json!({ "snapshot.json": described(self.snapshot, &self.snapshot()) });
        signed(&body, &[self.timestamp_key])
    }

    /// Everything but roots.
    fn files(&self) -> Files {
        let digest = hex::encode(Sha256::digest(self.trusted));
        Files::from([
            ("timestamp.json".to_owned(), self.timestamp()),
            (format!("{}.snapshot.json", self.snapshot), self.snapshot()),
            (format!("{}.targets.json", self.targets), self.targets()),
            (
                format!("targets/{digest}.{TRUSTED_ROOT}"),
                self.trusted.into(),
            ),
        ])
    }

    fn first(&self) -> Vec<u8> {
        signed(&self.root(), &[1, 2])
    }
}

fn update(files: &Files, kept: Option<&Kept>) -> Result<Kept, Refused> {
    update_from(&Repository::new().first(), files, kept)
}

fn update_from(first: &[u8], files: &Files, kept: Option<&Kept>) -> Result<Kept, Refused> {
    let start = Start {
        first,
        kept,
        now: now(),
    };
    refresh(&start, &Check, |path, limit| {
        let found = files.get(path);
        assert!(found.is_none_or(|bytes| bytes.len() as u64 <= limit || bytes.len() > 9_000));
        Ok(found.cloned())
    })
}

#[test]
fn an_update_is_taken_kept_and_proved_again() {
    let repository = Repository::new();
    let kept = update(&repository.files(), None).unwrap();
    assert_eq!(kept.trusted_root(), b"one");
    assert_eq!((kept.checked_at, kept.signing_config()), (now(), None));
    let again = Kept::parse(&serde_json::to_vec(&kept).unwrap()).unwrap();
    let versions = again.prove(&repository.first(), &Check).unwrap();
    assert_eq!((versions.root, versions.timestamp), (1, 1));
    // What is kept is not fetched again.
    let mut files = repository.files();
    files.retain(|name, _| name == "timestamp.json");
    assert_eq!(update(&files, Some(&kept)).unwrap(), kept);
    assert!(matches!(update(&files, None), Err(Refused::Absent(_))));
}

#[test]
fn what_is_kept_is_refused_when_anything_in_it_was_changed() {
    let repository = Repository::new();
    let kept = update(&repository.files(), None).unwrap();
    let first = repository.first();
    let changes: [fn(&mut Kept); 6] = [
        |kept| kept.timestamp = kept.timestamp.replace("2026-07", "2027-07"),
        |kept| kept.snapshot = kept.snapshot.replace("2026-07", "2027-07"),
        |kept| kept.targets = kept.targets.replace("2026-07", "2027-07"),
        |kept| kept.files = BTreeMap::new(),
        |kept| {
            kept.files.insert(TRUSTED_ROOT.to_owned(), "two".to_owned());
        },
        |kept| kept.roots = vec!["{}".to_owned()],
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut changed = kept.clone();
        change(&mut changed);
        assert!(changed.prove(&first, &Check).is_err(), "{number}");
    }
    assert!(kept.prove(&first, &Check).is_ok());
    assert!(Kept::parse(b"{}").is_err());
}

/// Three versions of a root: another set of keys, then another threshold.
fn rotated() -> (Repository, Files) {
    let mut repository = Repository::new();
    repository.root = 2;
    repository.root_keys = (vec![4, 5, 6], 2);
    let second = signed(&repository.root(), &[1, 2, 4, 5]);
    repository.root = 3;
    repository.root_keys = (vec![4, 5, 6], 3);
    let third = signed(&repository.root(), &[4, 5, 6]);
    let mut files = repository.files();
    files.insert("2.root.json".to_owned(), second);
    files.insert("3.root.json".to_owned(), third);
    (repository, files)
}

#[test]
fn roots_follow_each_other_signed_by_both() {
    let (repository, mut files) = rotated();
    let kept = update(&files, None).unwrap();
    let versions = kept.prove(&Repository::new().first(), &Check).unwrap();
    assert_eq!(versions.root, 3);
    let with = |root: u64, keys: (Vec<u8>, u64), by: &[u8]| {
        let mut next = repository.clone();
        (next.root, next.root_keys) = (root, keys);
        signed(&next.root(), by)
    };
    let cases: [(&str, Vec<u8>); 6] = [
        ("old keys only", with(2, (vec![4, 5], 2), &[1, 2])),
        ("new keys only", with(2, (vec![4, 5], 2), &[4, 5])),
        ("too few old", with(2, (vec![4, 5], 2), &[1, 4, 5])),
        ("too few new", with(2, (vec![4, 5], 2), &[1, 2, 4])),
        ("a version is left out", with(3, (vec![1, 2], 2), &[1, 2])),
        ("the same version", with(1, (vec![1, 2], 2), &[1, 2])),
    ];
    for (name, root) in cases {
        files.insert("2.root.json".to_owned(), root);
        let error = update(&files, None).unwrap_err();
        assert_eq!(error.kind(), Kind::Refuted, "{name}: {error}");
    }
    // One that expired counts as a step, but not as the last one.
    let mut files = rotated().1;
    let mut stale = Repository::new();
    (stale.root, stale.root_keys, stale.expires[0]) = (2, (vec![4, 5, 6], 2), PAST);
    files.insert(
        "2.root.json".to_owned(),
        signed(&stale.root(), &[1, 2, 4, 5]),
    );
    assert!(update(&files, None).is_ok());
    files.remove("3.root.json");
    assert!(matches!(
        update(&files, None),
        Err(Refused::Expired {
            role: Role::Root,
            ..
        })
    ));
}

#[test]
fn one_key_counts_once_whatever_it_is_called() {
    let mut repository = Repository::new();
    repository.root_keys = (vec![1, 2], 2);
    let mut root = repository.root();
    root["keys"]["key-2"] = root["keys"]["key-1"].clone();
    let message = canonical::bytes(&root).unwrap();
    let sig = hex::encode(mark(&[1; 32], &message));
    let twice = |other: &str| {
        let signatures = json!([{ "keyid": "key-1", "sig": sig }, { "keyid": other, "sig": sig }]);
        serde_json::to_vec(&json!({ "signed": root, "signatures": signatures })).unwrap()
    };
    let files = repository.files();
    assert!(matches!(
        update_from(&twice("key-2"), &files, None),
        Err(Refused::Signatures {
            found: 1,
            needed: 2,
            ..
        })
    ));
    assert!(matches!(
        update_from(&twice("key-1"), &files, None),
        Err(Refused::Unusable { .. })
    ));
    let mut root = repository.root();
    root["roles"]["timestamp"]["threshold"] = 0.into();
    let none = update_from(&signed(&root, &[1, 2]), &files, None);
    assert!(matches!(none, Err(Refused::Unusable { .. })));
}

#[test]
fn keys_that_a_new_root_drops_bind_nobody() {
    let mut stolen = Repository::new();
    stolen.timestamp = 1_000_000;
    let kept = update(&stolen.files(), None).unwrap();
    let mut healed = Repository::new();
    let refused = update(&healed.files(), Some(&kept));
    assert!(matches!(refused, Err(Refused::Rollback { .. })));
    (healed.root, healed.timestamp_key) = (2, 30);
    let mut files = healed.files();
    files.insert("2.root.json".to_owned(), signed(&healed.root(), &[1, 2]));
    let kept = update(&files, Some(&kept)).unwrap();
    let versions = kept.prove(&Repository::new().first(), &Check).unwrap();
    assert_eq!((versions.root, versions.timestamp), (2, 1));
}

/// What a mirror serves that lies in one way.
fn lies(name: &str, newest: &Repository) -> Files {
    let mut lying = newest.clone();
    let mut files = newest.files();
    let mut put = |name: &str, bytes: Vec<u8>| drop(files.insert(name.to_owned(), bytes));
    match name {
        "expired timestamp" => lying.expires[1] = PAST,
        "expires this moment" => lying.expires[1] = NOW,
        "expired snapshot" => (lying.expires[2], lying.snapshot) = (PAST, 6),
        "expired targets" => {
            (lying.expires[3], lying.targets, lying.snapshot) = (PAST, 6, 6);
        }
        "old timestamp" => lying.timestamp = 4,
        "old snapshot" => lying.snapshot = 4,
        "old targets" => (lying.targets, lying.snapshot) = (4, 6),
        "snapshot of another time" => {
            lying.snapshot = 6;
            put("timestamp.json", lying.timestamp());
            let other = Repository::head("snapshot", 6, LATER);
            put("6.snapshot.json", signed(&other, &[SNAPSHOT]));
            return files;
        }
        "timestamp by another key" => {
            lying.timestamp_key = 9;
        }
        "other target" => {
            (lying.trusted, lying.targets, lying.snapshot) = ("two", 6, 6);
            let mut files = lying.files();
            files.retain(|name, _| !name.starts_with("targets/"));
            let digest = hex::encode(Sha256::digest("two"));
            files.insert(format!("targets/{digest}.{TRUSTED_ROOT}"), b"twO".into());
            return files;
        }
        "cut timestamp" => {
            put("timestamp.json", lying.timestamp()[..60].to_vec());
            return files;
        }
        "endless timestamp" => {
            put("timestamp.json", vec![b' '; 17_000]);
            return files;
        }
        "no timestamp" => {
            files.remove("timestamp.json");
            return files;
        }
        "snapshot in place of the timestamp" => {
            put("timestamp.json", lying.snapshot());
            return files;
        }
        other => panic!("no such lie: {other}"),
    }
    lying.files()
}

#[test]
fn each_attack_is_refused_by_its_name() {
    let mut newest = Repository::new();
    (newest.timestamp, newest.snapshot, newest.targets) = (5, 5, 5);
    let kept = update(&newest.files(), None).unwrap();
    let cases = [
        (
            "expired timestamp",
            Kind::Refuted,
            "timestamp metadata expired",
        ),
        (
            "expires this moment",
            Kind::Refuted,
            "timestamp metadata expired",
        ),
        (
            "expired snapshot",
            Kind::Refuted,
            "snapshot metadata expired",
        ),
        ("expired targets", Kind::Refuted, "targets metadata expired"),
        (
            "old timestamp",
            Kind::Refuted,
            "timestamp metadata went back",
        ),
        ("old snapshot", Kind::Refuted, "snapshot metadata went back"),
        ("old targets", Kind::Refuted, "targets metadata went back"),
        (
            "snapshot of another time",
            Kind::Refuted,
            "`snapshot.json` is not",
        ),
        (
            "timestamp by another key",
            Kind::Refuted,
            "0 of the 1 signatures",
        ),
        ("other target", Kind::Refuted, "`trusted_root.json` is not"),
        (
            "cut timestamp",
            Kind::Invalid,
            "timestamp metadata are malformed",
        ),
        ("endless timestamp", Kind::Invalid, "too large"),
        ("no timestamp", Kind::Upstream, "has no `timestamp.json`"),
        (
            "snapshot in place of the timestamp",
            Kind::Invalid,
            "another role",
        ),
    ];
    for (name, kind, words) in cases {
        let error = update(&lies(name, &newest), Some(&kept)).unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert!(error.to_string().contains(words), "{name}: {error}");
    }
    assert_eq!(update(&newest.files(), Some(&kept)).unwrap(), kept);
}

#[test]
fn endless_roots_are_cut_off() {
    let mut files = Repository::new().files();
    for version in 2..300 {
        let mut next = Repository::new();
        next.root = version;
        files.insert(format!("{version}.root.json"), next.first());
    }
    assert!(matches!(
        update(&files, None),
        Err(Refused::TooManyRoots(ROTATIONS))
    ));
}

#[test]
fn the_compiled_in_root_is_read() {
    use crate::sigstore::public;
    use metadata::Root;

    /// Signatures count in `liftlock-io`, where the mathematics are.
    struct All;

    impl Verifier for All {
        fn verify_with(&self, _: &PublicKey, _: Hash, _: &[u8], _: &[u8]) -> bool {
            true
        }

        fn verify_prehashed(&self, _: &PublicKey, _: Hash, _: &[u8], _: &[u8]) -> bool {
            true
        }
    }
    let root = Root::first(public::ROOT, &All).unwrap();
    assert_eq!((root.version, root.consistent), (15, true));
}
