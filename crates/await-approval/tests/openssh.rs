//! Signatures of SSH, compared with OpenSSH's own `ssh-keygen` both ways.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use liftlock::crypto::{Algorithm, Hash, PublicKey, Signer as _};
use liftlock::pem;
use liftlock::ssh::{self, ParseError, Refused, Signature};
use liftlock_io::key::{New, Private};
use liftlock_io::ssh::{Error, sign};
use liftlock_io::verify::Local;
use tempfile::TempDir;
use testkit::peers;

const NAMESPACE: &str = "liftlock-answer@v1";
const MESSAGE: &[u8] = b"alice says yes\n";

/// A folder with a key of OpenSSH.
struct Maker {
    folder: TempDir,
    program: PathBuf,
}

impl Maker {
    fn new(kind: &str, bits: &str) -> Option<Self> {
        let program = peers::require("ssh-keygen")?;
        let folder = tempfile::tempdir().unwrap();
        let maker = Self { folder, program };
        let told = maker.call(&[
            "-q",
            "-t",
            kind,
            "-b",
            bits,
            "-N",
            "",
            "-C",
            "alice",
            "-f",
            &maker.key(),
        ]);
        assert!(told, "ssh-keygen -t {kind}");
        fs::write(maker.path("message"), MESSAGE).unwrap();
        Some(maker)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn key(&self) -> String {
        self.path("key").display().to_string()
    }

    fn call(&self, args: &[&str]) -> bool {
        let output = Command::new(&self.program).args(args).output().unwrap();
        output.status.success()
    }

    fn public(&self) -> String {
        fs::read_to_string(self.path("key.pub")).unwrap()
    }

    /// A signature made in a plain shell.
    fn sign(&self, namespace: &str, hash: &str) -> String {
        let file = self.path("message").display().to_string();
        let option = format!("hashalg={hash}");
        let args = ["-q", "-Y", "sign", "-O", &option, "-n", namespace, "-f"];
        fs::remove_file(self.path("message.sig")).ok();
        assert!(self.call(&[&args[..], &[&self.key(), &file]].concat()));
        fs::read_to_string(self.path("message.sig")).unwrap()
    }
}

/// Whether OpenSSH itself accepts a signature of a key.
fn accepted(folder: &Path, public: &str, armored: &str, options: &str) -> bool {
    let program = peers::require("ssh-keygen").unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let list = write("allowed", &format!("alice {options}{public}\n"));
    let signature = write("given.sig", armored);
    let message = fs::File::open(write("given", std::str::from_utf8(MESSAGE).unwrap())).unwrap();
    let output = Command::new(program)
        .args(["-Y", "verify", "-I", "alice", "-n", NAMESPACE, "-f", &list])
        .args(["-s", &signature])
        .stdin(message)
        .output()
        .unwrap();
    output.status.success()
}

#[test]
fn signatures_of_openssh_verify_and_what_is_read_is_written_for_openssh() {
    let kinds = [
        ("ed25519", "256"),
        ("ecdsa", "256"),
        ("ecdsa", "384"),
        ("rsa", "2048"),
        ("rsa", "3072"),
    ];
    for (kind, bits) in kinds {
        let Some(maker) = Maker::new(kind, bits) else {
            return;
        };
        let key = ssh::public(&maker.public()).unwrap();
        for hash in ["sha256", "sha512"] {
            let armored = maker.sign(NAMESPACE, hash);
            let signature = Signature::parse(&armored).unwrap();
            let proved = signature.verify(MESSAGE, NAMESPACE, &Local);
            assert_eq!(proved, Ok(&key), "{kind} {bits} {hash}");
            let ours = signature.armored();
            assert!(accepted(maker.folder.path(), &maker.public(), &ours, ""));
            let other = signature.verify(b"alice says no\n", NAMESPACE, &Local);
            assert_eq!(other, Err(Refused::Signature));
            let other = signature.verify(MESSAGE, "file", &Local);
            assert!(matches!(other, Err(Refused::Namespace { .. })));
        }
        let direct = sign(&maker.key(), NAMESPACE, MESSAGE).unwrap();
        assert_eq!(direct.verify(MESSAGE, NAMESPACE, &Local), Ok(&key));
    }
}

#[test]
fn other_kinds_of_keys_are_refused_by_name() {
    for (kind, bits, name) in [
        ("ecdsa", "521", "ecdsa-sha2-nistp521"),
        ("dsa", "1024", "ssh-dss"),
    ] {
        let Some(maker) = Maker::new(kind, bits) else {
            return;
        };
        let armored = maker.sign(NAMESPACE, "sha512");
        for error in [
            ssh::public(&maker.public()).unwrap_err(),
            Signature::parse(&armored).unwrap_err(),
        ] {
            assert!(error.to_string().contains(name), "{error}");
        }
        let refused = sign(&maker.key(), NAMESPACE, MESSAGE).unwrap_err();
        assert!(matches!(refused, Error::Signature(_)));
    }
    let Some(weak) = Maker::new("rsa", "1024") else {
        return;
    };
    assert_eq!(ssh::public(&weak.public()), Err(ParseError::Key));
    assert!(sign("/nowhere", NAMESPACE, MESSAGE).is_err());
}

#[test]
fn no_beginning_and_no_changed_byte_of_a_signature_is_accepted() {
    for (kind, bits) in [("ed25519", "256"), ("ecdsa", "256"), ("rsa", "2048")] {
        let Some(maker) = Maker::new(kind, bits) else {
            return;
        };
        let key = ssh::public(&maker.public()).unwrap();
        let (_, blob) = pem::only(&maker.sign(NAMESPACE, "sha512"))
            .map(|(label, blob)| (label.to_owned(), blob))
            .unwrap();
        let read = |bytes: &[u8]| Signature::parse(&pem::block("SSH SIGNATURE", bytes));
        let good = |signature: &Signature| signature.verify(MESSAGE, NAMESPACE, &Local).is_ok();
        assert!(good(&read(&blob).unwrap()));
        for end in 0..blob.len() {
            assert!(read(&blob[..end]).is_err(), "{kind}: the first {end} bytes");
        }
        assert!(read(&[&blob[..], &[0]].concat()).is_err());
        for at in 0..blob.len() {
            for change in [0x01, 0x80] {
                let mut changed = blob.clone();
                changed[at] ^= change;
                let taken = read(&changed).is_ok_and(|one| good(&one) && *one.key() == key);
                assert!(!taken, "{kind}: byte {at}");
            }
        }
    }
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    [&length.to_be_bytes()[..], bytes].concat()
}

/// A token in software: its line of a `.pub` file, and what it signs when it is
/// touched or not.
fn token(kind: New, flags: u8) -> (String, PublicKey, String) {
    let key = Private::generate_as(kind).unwrap();
    let public = key.public_key().clone();
    let bits = string(public.bits());
    let (name, body) = match public.algorithm() {
        Algorithm::Ed25519 => ("sk-ssh-ed25519@openssh.com", bits),
        Algorithm::P256 | Algorithm::P384 | Algorithm::Rsa { .. } => (
            "sk-ecdsa-sha2-nistp256@openssh.com",
            [string(b"nistp256"), bits].concat(),
        ),
    };
    let blob = [string(name.as_bytes()), body, string(b"ssh:")].concat();
    let signed = [
        b"SSHSIG".to_vec(),
        string(NAMESPACE.as_bytes()),
        string(b""),
        string(b"sha512"),
        string(&Hash::Sha512.of(MESSAGE)),
    ]
    .concat();
    let told = [flags, 0, 0, 0, 7];
    let asked = [
        &Hash::Sha256.of(b"ssh:")[..],
        &told,
        &Hash::Sha256.of(&signed),
    ]
    .concat();
    let made = match public.algorithm() {
        Algorithm::Ed25519 => key.sign(&asked).unwrap(),
        Algorithm::P256 | Algorithm::P384 | Algorithm::Rsa { .. } => {
            numbers(&key.sign(&asked).unwrap())
        }
    };
    let made = [string(name.as_bytes()), string(&made), told.to_vec()].concat();
    let whole = [
        b"SSHSIG\0\0\0\x01".to_vec(),
        string(&blob),
        string(NAMESPACE.as_bytes()),
        string(b""),
        string(b"sha512"),
        string(&made),
    ]
    .concat();
    let packed = pem::block("", &blob);
    let packed: String = packed
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let line = format!("{name} {packed}");
    (line, public, pem::block("SSH SIGNATURE", &whole))
}

/// The two INTEGERs of a short DER signature as SSH writes them.
fn numbers(der: &[u8]) -> Vec<u8> {
    let first = usize::from(der[3]);
    let second = &der[4 + first..];
    [string(&der[4..4 + first]), string(&second[2..])].concat()
}

#[test]
fn a_token_counts_when_it_is_touched_as_for_openssh() {
    if peers::require("ssh-keygen").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for kind in [New::Ed25519, New::P256] {
        let (line, public, armored) = token(kind, 0x01);
        assert_eq!(ssh::public(&line).as_ref(), Ok(&public));
        assert!(accepted(folder.path(), &line, &armored, ""), "{line}");
        let signature = Signature::parse(&armored).unwrap();
        assert_eq!(signature.verify(MESSAGE, NAMESPACE, &Local), Ok(&public));
        let (_, _, armored) = token(kind, 0x04);
        let signature = Signature::parse(&armored).unwrap();
        assert_eq!(
            signature.verify(MESSAGE, NAMESPACE, &Local),
            Err(Refused::Untouched)
        );
    }
}

#[test]
fn a_list_of_signers_gives_the_keys_that_openssh_accepts() {
    let Some(maker) = Maker::new("ed25519", "256") else {
        return;
    };
    let armored = maker.sign(NAMESPACE, "sha512");
    for (options, good) in [
        ("", true),
        ("namespaces=\"liftlock-*,git\" ", true),
        ("namespaces=\"git\" ", false),
        ("namespaces=\"*,!liftlock-answer@v1\" ", false),
        ("cert-authority ", false),
        ("no-such-option ", false),
    ] {
        let theirs = accepted(maker.folder.path(), &maker.public(), &armored, options);
        let list = format!("alice {options}{}", maker.public());
        let ours = ssh::signers(&list, &["alice"], NAMESPACE);
        let ours = ours.is_ok_and(|found| !found.is_empty());
        assert_eq!((theirs, ours), (good, good), "{options}");
    }
}
