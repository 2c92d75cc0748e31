#![cfg(test)]
//! Updates of the trusted root from repositories that python-tuf made, served
//! on loopback, honestly and otherwise.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use liftlock::time::Time;
use serde_json::Value;
use tempfile::TempDir;
use testkit::cli::{Output, Run};
use testkit::http::{Answer, Ending, Server};
use testkit::peers;
use testkit::sigstore::{Identity, Loopback, Settings};

use Serves::State;

const BINARY: &str = env!("CARGO_BIN_EXE_sign-artifact");
const SAN: &str = "https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/main";

/// What the mirror does at the moment.
#[derive(Clone, Copy)]
enum Serves {
    /// A state of the repository.
    State(&'static str),
    /// That state, of which each answer breaks off after 20 bytes.
    Broken(&'static str),
    /// Nothing but errors.
    Down,
}

/// A mirror, a machine that has a cache, and an instance of Sigstore.
struct Stage {
    folder: TempDir,
    server: Server,
    serves: Arc<Mutex<Serves>>,
    loopback: Loopback,
}

impl Stage {
    /// Nothing where python-tuf is not installed.
    fn new() -> Option<Self> {
        let python = peers::require("sigstore-python")?;
        let folder = tempfile::tempdir().unwrap();
        let loopback = Loopback::start(&Settings::default()).unwrap();
        loopback.write(folder.path()).unwrap();
        fs::write(folder.path().join("a"), "a\n").unwrap();
        let script = peers::root().join("crates/sign-artifact/tests/tuf/repository.py");
        let made = Run::new(python)
            .args([script.to_str().unwrap(), "states"])
            .args(["trusted_root.json", "signing_config.json"])
            .folder(folder.path());
        fs::create_dir(folder.path().join("states")).unwrap();
        let made = made.output().unwrap();
        assert_eq!(made.code, 0, "{}", made.stderr);
        let serves = Arc::new(Mutex::new(State("first")));
        let (now, states) = (Arc::clone(&serves), folder.path().join("states"));
        let server =
            Server::start(move |request| answer(*now.lock().unwrap(), &states, &request.target));
        Some(Self {
            server: server.unwrap(),
            folder,
            serves,
            loopback,
        })
    }

    fn serve(&self, what: Serves) {
        *self.serves.lock().unwrap() = what;
    }

    fn run(&self, line: &str) -> Output {
        self.run_at(&self.server.url("/tuf"), line)
    }

    /// Runs with this mirror.
    fn run_at(&self, mirror: &str, line: &str) -> Output {
        let mut run = Run::new(BINARY)
            .args(line.split(' '))
            .env("XDG_CACHE_HOME", self.folder.path().join("cache"))
            .env("LIFTLOCK_SIGN_ARTIFACT_TUF_MIRROR", mirror)
            .env("LIFTLOCK_SIGN_ARTIFACT_TUF_ROOT", "states/root.json")
            .folder(self.folder.path());
        for (name, value) in self.loopback.job("acme/shop") {
            run = run.env(name, value);
        }
        run.output().unwrap()
    }

    fn expect(&self, code: i32, line: &str) -> Output {
        let output = self.run(line);
        let text = format!("{}{}", output.stdout, output.stderr);
        assert_eq!(output.code, code, "`{line}`: {text}");
        output
    }

    /// Every file that is kept, with its bytes.
    fn kept(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let Ok(found) = fs::read_dir(self.folder.path().join("cache/liftlock/tuf")) else {
            return Vec::new();
        };
        let paths = found.map(|entry| entry.unwrap().path());
        paths
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect()
    }

    /// The versions of the root and of the timestamp that are in force.
    fn versions(&self) -> String {
        self.expect(0, "trust-root").stdout
    }
}

fn answer(serves: Serves, states: &Path, target: &str) -> Answer {
    let (state, ending) = match serves {
        State(state) => (state, Ending::Whole),
        Serves::Broken(state) => (state, Ending::CloseAfter(20)),
        Serves::Down => return Answer::new(503),
    };
    let path = target.strip_prefix("/tuf/").unwrap();
    match fs::read(states.join(state).join(path)) {
        Ok(bytes) => Answer::new(200).body(bytes).ending(ending),
        Err(_) => Answer::new(404),
    }
}

#[test]
fn a_root_is_updated_over_three_versions_and_kept() {
    let Some(stage) = Stage::new() else { return };
    let nothing = stage.expect(3, "trust-root");
    assert!(nothing.stderr.contains("--refresh"), "{}", nothing.stderr);
    stage.expect(0, "trust-root --refresh --dry-run");
    assert_eq!(stage.kept(), []);
    stage.expect(0, "trust-root --refresh");
    assert!(stage.versions().contains("(root 1, timestamp 5)"));
    for state in ["rotated", "rotated"] {
        stage.serve(State(state));
        stage.expect(0, "trust-root --refresh");
        assert!(stage.versions().contains("(root 3, timestamp 5)"));
    }
    stage.serve(State("newer"));
    let before = stage.server.requests().len();
    stage.expect(0, "trust-root --refresh --save out");
    assert!(stage.versions().contains("(root 3, timestamp 6)"));
    // Root 4, timestamp, snapshot, targets, and the one target that changed.
    assert_eq!(stage.server.requests().len() - before, 5);
    let saved = fs::read(stage.folder.path().join("out/trusted_root.json")).unwrap();
    let own = fs::read(stage.folder.path().join("trusted_root.json")).unwrap();
    assert_eq!(saved, [own.as_slice(), b"\n"].concat());
    assert_eq!(stage.kept().len(), 1);
}

/// What a mirror serves that lies or fails, how that ends, and in which words.
const LIES: [(Serves, i32, &str); 18] = [
    (State("by-old-keys-only"), 10, "0 of the 2 signatures"),
    (State("by-new-keys-only"), 10, "0 of the 2 signatures"),
    (State("too-few-keys"), 10, "1 of the 2 signatures"),
    (State("unknown-keys"), 10, "1 of the 2 signatures"),
    (State("one-of-two-timestamps"), 10, "1 of the 2 signatures"),
    (State("expired-timestamp"), 10, "timestamp metadata expired"),
    (State("expired-targets"), 10, "targets metadata expired"),
    (State("old-snapshot"), 10, "snapshot metadata went back"),
    (State("old-timestamp"), 10, "timestamp metadata went back"),
    (State("mixed-snapshot"), 10, "`snapshot.json` is not"),
    (State("mixed-targets"), 10, "`targets.json` is not"),
    (State("changed-target"), 10, "`trusted_root.json` is not"),
    (State("longer-target"), 1, "larger than"),
    (State("cut"), 3, "timestamp metadata are malformed"),
    (State("endless"), 1, "larger than 16384 bytes"),
    (State("empty"), 1, "no `timestamp.json`"),
    (Serves::Broken("rotated"), 1, "broke"),
    (Serves::Down, 1, "answers 503"),
];

#[test]
fn each_lie_of_a_mirror_is_refused_and_the_old_root_stays() {
    let Some(stage) = Stage::new() else { return };
    stage.expect(0, "trust-root --refresh");
    let kept = stage.kept();
    for (serves, code, words) in LIES {
        stage.serve(serves);
        let output = stage.expect(code, "trust-root --refresh");
        assert!(output.stderr.contains(words), "{words}: {}", output.stderr);
        assert_eq!(stage.kept(), kept, "{words}");
    }
    stage.expect(0, "trust-root");
    // Nor does a machine that has nothing yet keep any of it.
    fs::remove_file(&kept[0].0).unwrap();
    stage.serve(State("expired-timestamp"));
    stage.expect(10, "trust-root --refresh");
    assert_eq!(stage.kept(), []);
    // Keys of an unknown kind disturb nobody, where the others are enough.
    stage.serve(State("known-keys"));
    stage.expect(0, "trust-root --refresh");
    assert!(stage.versions().contains("(root 2, timestamp 5)"));
}

#[test]
fn data_without_an_end_are_cut_off() {
    let Some(stage) = Stage::new() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mirror = format!("http://{}/tuf", listener.local_addr().unwrap());
    // Ends when the client has had enough of it, and not before.
    let endless = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let mut sent = 0_usize;
        while stream.write_all(&[b' '; 4096]).is_ok() {
            sent += 4096;
        }
        sent
    });
    let output = stage.run_at(&mirror, "trust-root --refresh");
    assert_eq!(output.code, 1, "{}", output.stderr);
    assert!(output.stderr.contains("larger than"), "{}", output.stderr);
    assert!(endless.join().unwrap() > 0);
    assert_eq!(stage.kept(), []);
}

#[test]
fn a_private_name_stays_out_of_public_hosts_that_an_update_names() {
    let Some(stage) = Stage::new() else { return };
    let private = Identity::github("acme/shop").claim("repository_visibility", "private");
    let token = stage.loopback.token(&private).unwrap();
    fs::write(stage.folder.path().join("token"), token).unwrap();
    let line = "sign --identity-token token a";
    stage.expect(0, line);
    // At first contact, when the update is news, and when it is known.
    fs::remove_file(&stage.kept()[0].0).unwrap();
    stage.serve(State("public-hosts"));
    for _ in 0..2 {
        let refused = stage.expect(2, line).stderr;
        assert!(refused.contains("public for ever"), "{refused}");
    }
    stage.expect(0, "trust-root");
    fs::remove_file(stage.folder.path().join("a.sigstore.json")).unwrap();
    stage.serve(State("first"));
    fs::remove_file(&stage.kept()[0].0).unwrap();
    stage.expect(0, "trust-root --refresh");
    dated(&stage, &days_ago(2));
    stage.serve(State("public-hosts"));
    stage.expect(2, line);
    assert!(!stage.folder.path().join("a.sigstore.json").exists());
}

#[test]
fn doctor_tells_the_age_of_an_update() {
    let Some(stage) = Stage::new() else { return };
    let nothing = stage.expect(10, "doctor").stdout;
    assert!(nothing.contains("trust-root --refresh"), "{nothing}");
    stage.expect(0, "trust-root --refresh");
    let asked = stage.server.requests().len();
    let fresh = stage.expect(0, "doctor").stdout;
    assert!(fresh.contains("(root 1, timestamp 5), of "), "{fresh}");
    assert!(fresh.contains(", 0 days old"), "{fresh}");
    dated(&stage, &days_ago(91));
    let old = stage.expect(10, "doctor").stdout;
    assert!(old.contains("91 days old; run `sign-artifact"), "{old}");
    assert_eq!(stage.server.requests().len(), asked);
}

#[test]
fn signing_updates_by_itself_and_verifying_never_does() {
    let Some(stage) = Stage::new() else { return };
    let issuer = stage.loopback.url();
    let verify = format!("verify --identity {SAN} --issuer {issuer} a");
    stage.expect(0, "sign a");
    let asked = stage.server.requests().len();
    assert_eq!(asked, 6);
    // A root of today is not asked for again, and a proof asks nobody.
    stage.expect(0, "sign a");
    let told = stage.expect(0, &format!("{verify} --offline")).stdout;
    assert!(
        told.contains("timestamp 5)") && told.contains("0 days old"),
        "{told}"
    );
    assert!(
        stage
            .expect(0, "trust-root")
            .stdout
            .contains("certificate authority")
    );
    assert_eq!(stage.server.requests().len(), asked);
    // Two days later: asked for, but good without an answer.
    dated(&stage, &days_ago(2));
    stage.serve(Serves::Down);
    let output = stage.expect(0, "sign a");
    assert!(
        output.stderr.contains("could not be updated"),
        "{}",
        output.stderr
    );
    assert!(stage.server.requests().len() > asked);
    // Three months later nothing is signed by it, but proofs go on.
    dated(&stage, &days_ago(91));
    stage.expect(1, "sign a");
    stage.expect(0, &verify);
    stage.serve(State("rotated"));
    stage.expect(0, "sign a");
    assert!(stage.versions().contains("(root 3, timestamp 5)"));
}

fn days_ago(days: i64) -> String {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let millis = i64::try_from(now).unwrap() - days * 24 * 60 * 60 * 1000 - 60_000;
    Time::from_unix_millis(millis).unwrap().to_string()
}

/// Has what is kept be of that moment.
fn dated(stage: &Stage, moment: &str) {
    let (path, bytes) = stage.kept().remove(0);
    let mut kept: Value = serde_json::from_slice(&bytes).unwrap();
    kept["checked_at"] = moment.into();
    fs::write(path, kept.to_string()).unwrap();
}

#[test]
fn what_is_kept_counts_only_as_it_was_signed() {
    let Some(stage) = Stage::new() else { return };
    stage.expect(0, "trust-root --refresh");
    let (path, bytes) = stage.kept().remove(0);
    let mut kept: Value = serde_json::from_slice(&bytes).unwrap();
    let root = kept["files"]["trusted_root.json"].as_str().unwrap();
    kept["files"]["trusted_root.json"] = format!("{root} ").into();
    fs::write(&path, kept.to_string()).unwrap();
    stage.expect(10, "trust-root");
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    stage.expect(3, "trust-root");
    stage.expect(0, "trust-root --refresh");
    stage.expect(0, "trust-root");
}

#[test]
fn many_may_update_at_once() {
    let Some(stage) = Stage::new() else { return };
    std::thread::scope(|scope| {
        for number in 0..8 {
            let stage = &stage;
            scope.spawn(move || {
                if number == 4 {
                    stage.serve(State("rotated"));
                }
                stage.expect(0, "trust-root --refresh");
            });
        }
    });
    stage.expect(0, "trust-root --refresh");
    assert!(stage.versions().contains("(root 3, timestamp 5)"));
    // Nothing but the one file, no drafts.
    assert_eq!(stage.kept().len(), 1);
}

#[test]
fn the_public_root_is_told_with_its_age() {
    let folder = tempfile::tempdir().unwrap();
    let run = Run::new(BINARY).args(["trust-root"]).folder(folder.path());
    let output = run.output().unwrap();
    assert_eq!(output.code, 0, "{}", output.stderr);
    for word in ["compiled in", " old", "https://rekor.sigstore.dev"] {
        assert!(output.stdout.contains(word), "{word}: {}", output.stdout);
    }
}
