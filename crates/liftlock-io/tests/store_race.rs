#![cfg(test)]
//! Whoever comes second must know it, in every kind of store, whether the
//! writers are threads of one process or processes of their own.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread;

use liftlock_io::store::{self, Access, Put, S3, Store, Swap};
use testkit::servers::Moto;

const RACERS: usize = 6;

/// An empty store, with what keeps it alive.
struct Place {
    location: String,
    bucket: Option<Arc<Moto>>,
    _folder: tempfile::TempDir,
}

impl Place {
    fn open(&self) -> Box<dyn Store> {
        let Some(moto) = &self.bucket else {
            return store::open(&self.location).unwrap();
        };
        let key = ("AKIDEXAMPLE".to_owned(), "secret".to_owned());
        let access = Access::new(Some(&moto.url()), "us-east-1", key).unwrap();
        let (bucket, prefix) = self.location["s3://".len()..].split_once('/').unwrap();
        Box::new(S3::new(bucket, prefix, access, store::TIMEOUT).unwrap())
    }

    /// What a process of its own needs to open it.
    fn variables(&self) -> Vec<(&str, String)> {
        let mut all = vec![("RACE_LOCATION", self.location.clone())];
        if let Some(moto) = &self.bucket {
            all.extend([
                ("AWS_ENDPOINT_URL", moto.url()),
                ("AWS_REGION", "us-east-1".to_owned()),
                ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".to_owned()),
                ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
            ]);
        }
        all
    }
}

/// Each kind of store, empty.
fn stores() -> Vec<Place> {
    let folder = tempfile::tempdir().unwrap();
    let location = format!("file:{}", folder.path().join("state").display());
    let mut all = vec![Place {
        location,
        bucket: None,
        _folder: folder,
    }];
    let folder = tempfile::tempdir().unwrap();
    all.push(Place {
        location: repository(folder.path()),
        bucket: None,
        _folder: folder,
    });
    all.extend(bucket());
    all
}

/// A bucket of its own on a server that tests at the same time share.
fn bucket() -> Option<Place> {
    static SHARED: Mutex<Weak<Moto>> = Mutex::new(Weak::new());
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let mut shared = SHARED.lock().unwrap();
    let moto = match shared.upgrade() {
        Some(moto) => moto,
        None => Arc::new(Moto::start(u32::MAX).unwrap()?),
    };
    *shared = Arc::downgrade(&moto);
    drop(shared);
    let name = format!("race-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    moto.bucket(&name).unwrap();
    Some(Place {
        location: format!("s3://{name}/shop/state"),
        bucket: Some(moto),
        _folder: tempfile::tempdir().unwrap(),
    })
}

fn repository(folder: &Path) -> String {
    let path = folder.join("repo.git");
    let made = git(
        folder,
        &["init", "--quiet", "--bare", path.to_str().unwrap()],
    );
    assert!(made.status.success());
    format!("git+file://{}#refs/liftlock/state", path.display())
}

fn git(folder: &Path, arguments: &[&str]) -> Output {
    Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

/// Runs the same thing at the same time, each with a store of its own.
fn race<T: Send>(place: &Place, run: impl Fn(usize, &dyn Store) -> T + Sync) -> Vec<T> {
    let barrier = std::sync::Barrier::new(RACERS);
    thread::scope(|scope| {
        let racers: Vec<_> = (0..RACERS)
            .map(|racer| {
                let (run, barrier) = (&run, &barrier);
                scope.spawn(move || {
                    let store = place.open();
                    barrier.wait();
                    run(racer, store.as_ref())
                })
            })
            .collect();
        racers
            .into_iter()
            .map(|racer| racer.join().unwrap())
            .collect()
    })
}

#[test]
fn one_of_many_creates_a_key() {
    for place in stores() {
        let outcomes = race(&place, |_, store| {
            store
                .put_if_absent("leases/shop.json", b"the same bytes")
                .unwrap()
        });
        let winners = outcomes.iter().filter(|put| **put != Put::Exists).count();
        assert_eq!(winners, 1, "{}", place.location);
    }
}

#[test]
fn one_of_many_replaces_a_version() {
    for place in stores() {
        let store = place.open();
        drop(store.put_if_absent("a", b"0").unwrap());
        let before = store.get("a").unwrap().unwrap().version;
        let outcomes = race(&place, |racer, store| {
            store
                .swap("a", format!("by {racer}").as_bytes(), &before)
                .unwrap()
        });
        let winners: Vec<usize> = (0..RACERS)
            .filter(|racer| outcomes[*racer] != Swap::Conflict)
            .collect();
        assert_eq!(winners.len(), 1, "{}", place.location);
        let text = format!("by {}", winners[0]);
        assert_eq!(store.get("a").unwrap().unwrap().bytes, text.as_bytes());
    }
}

#[test]
fn writers_of_different_keys_all_get_through() {
    for place in stores() {
        let outcomes = race(&place, |racer, store| {
            store.put_if_absent(&format!("k/{racer}"), b"-").unwrap()
        });
        assert!(outcomes.iter().all(|put| *put != Put::Exists));
        let store = place.open();
        assert_eq!(
            store.list("k/").unwrap().len(),
            RACERS,
            "{}",
            place.location
        );
    }
}

#[test]
fn a_counter_loses_no_update() {
    for place in stores() {
        drop(place.open().put_if_absent("n", b"0").unwrap());
        race(&place, |_, store| {
            let mut left = 2;
            while left > 0 {
                let now = store.get("n").unwrap().unwrap();
                let count: u32 = String::from_utf8(now.bytes).unwrap().parse().unwrap();
                let next = (count + 1).to_string();
                if store.swap("n", next.as_bytes(), &now.version).unwrap() != Swap::Conflict {
                    left -= 1;
                }
            }
        });
        let store = place.open();
        let total = (RACERS * 2).to_string();
        assert_eq!(store.get("n").unwrap().unwrap().bytes, total.as_bytes());
    }
}

#[test]
fn the_probe_passes_on_every_kind_even_at_the_same_time() {
    for place in stores() {
        race(&place, |_, store| store::probe(store).unwrap());
        assert_eq!(place.open().list("").unwrap().len(), 1);
    }
}

#[test]
fn every_kind_reads_and_lists_alike() {
    for place in stores() {
        let store = place.open();
        assert_eq!(store.get("a/b").unwrap(), None);
        assert!(store.list("").unwrap().is_empty());
        for key in ["a/c", "a/b", "d"] {
            drop(store.put_if_absent(key, key.as_bytes()).unwrap());
        }
        assert_eq!(store.put_if_absent("d", b"2").unwrap(), Put::Exists);
        assert_eq!(
            store.list("").unwrap(),
            ["a/b", "a/c", "d"],
            "{}",
            place.location
        );
        let scanned = store.scan("a/").unwrap();
        assert_eq!(scanned[0].0, "a/b");
        assert_eq!(scanned[1].1.bytes, b"a/c");
        assert_eq!(store.get("a").unwrap(), None, "a folder is no document");
        // A bucket has no folders: both names are free there.
        let below = store.put_if_absent("d/e", b"-");
        assert_eq!(below.is_err(), place.bucket.is_none(), "{}", place.location);
        assert!(store.get("../x").is_err());
    }
}

/// Not a test of its own: the test below starts and kills it.
#[test]
#[ignore = "run by another test"]
fn writer() {
    let location = std::env::var_os("RACE_LOCATION").unwrap();
    let store = store::open(location.to_str().unwrap()).unwrap();
    for round in 0_u32.. {
        let bytes = vec![u8::try_from(round % 251).unwrap(); 300_000];
        drop(
            store
                .put_if_absent(&format!("new/{round}"), &bytes)
                .unwrap(),
        );
        drop(store.put_if_absent("old", &bytes).unwrap());
        let version = store.get("old").unwrap().unwrap().version;
        assert_ne!(store.swap("old", &bytes, &version).unwrap(), Swap::Conflict);
        println!("wrote");
    }
}

#[test]
fn a_writer_killed_at_any_point_leaves_whole_documents_and_no_lock() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..8_u64 {
        let path = folder.path().join(format!("state{round}"));
        let location = format!("file:{}", path.display());
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer", "--ignored", "--nocapture"])
            .env("RACE_LOCATION", &location)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let told = std::io::BufReader::new(writer.stdout.take().unwrap());
        let wrote = std::io::BufRead::lines(told).filter(|line| line.as_ref().unwrap() == "wrote");
        assert!(wrote.take(1 + usize::try_from(round).unwrap()).count() > 0);
        writer.kill().unwrap();
        writer.wait().unwrap();
        let store = store::open(&location).unwrap();
        for (key, stored) in store.scan("").unwrap() {
            assert_eq!(stored.bytes.len(), 300_000, "{key}");
            assert!(
                stored.bytes.iter().all(|byte| *byte == stored.bytes[0]),
                "{key}"
            );
        }
        let version = store.get("old").unwrap().unwrap().version;
        assert_ne!(store.swap("old", b"-", &version).unwrap(), Swap::Conflict);
    }
}

/// Not a test of its own: the test below starts it as a process.
#[test]
#[ignore = "run by another test"]
fn racer() {
    let location = std::env::var_os("RACE_LOCATION").unwrap();
    let store = store::open(location.to_str().unwrap()).unwrap();
    let put = store.put_if_absent("one", b"same").unwrap();
    println!(
        "outcome:{}",
        if put == Put::Exists { "lost" } else { "won" }
    );
}

#[test]
fn one_of_many_processes_wins() {
    for place in stores() {
        let racers: Vec<_> = (0..RACERS)
            .map(|_| {
                Command::new(std::env::current_exe().unwrap())
                    .args(["--exact", "racer", "--ignored", "--nocapture"])
                    .envs(place.variables())
                    .stdout(std::process::Stdio::piped())
                    .spawn()
                    .unwrap()
            })
            .collect();
        let told: String = racers
            .into_iter()
            .map(|racer| racer.wait_with_output().unwrap())
            .map(|output| String::from_utf8(output.stdout).unwrap())
            .collect();
        assert_eq!(told.matches("outcome:won").count(), 1, "{told}");
        assert_eq!(told.matches("outcome:lost").count(), RACERS - 1, "{told}");
    }
}

#[test]
fn every_write_is_a_commit_of_its_own_with_a_claim() {
    let folder = tempfile::tempdir().unwrap();
    let location = repository(folder.path());
    let store = store::open(&location).unwrap();
    drop(store.put_if_absent("a", b"1").unwrap());
    let version = store.get("a").unwrap().unwrap().version;
    drop(store.swap("a", b"2", &version).unwrap());
    let log = git(
        &folder.path().join("repo.git"),
        &["log", "--format=%B", "refs/liftlock/state"],
    );
    let log = String::from_utf8(log.stdout).unwrap();
    let claims: std::collections::BTreeSet<&str> = log
        .lines()
        .filter(|line| line.starts_with("Claim: "))
        .collect();
    assert_eq!(claims.len(), 2, "{log}");
}

#[test]
fn a_push_that_the_remote_forbids_is_an_error_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let location = repository(folder.path());
    let hook = folder.path().join("repo.git/hooks/pre-receive");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, "#!/bin/sh\necho no writes here >&2\nexit 1\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&hook, mode).unwrap();
    let store = store::open(&location).unwrap();
    let error = store.put_if_absent("a", b"1").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot push `refs/liftlock/state`"),
        "{error}"
    );
    assert_eq!(store.get("a").unwrap(), None);
}

#[test]
fn a_repository_that_is_not_there_is_named() {
    let store = store::open("git+file:///nowhere/repo.git#refs/liftlock/state").unwrap();
    let error = store.get("a").unwrap_err();
    assert!(error.to_string().contains("/nowhere/repo.git"), "{error}");
}

#[test]
fn a_push_that_landed_although_its_answer_got_lost_is_a_win() {
    let folder = tempfile::tempdir().unwrap();
    let location = repository(folder.path());
    let hook = folder.path().join("repo.git/hooks/post-receive");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, "#!/bin/sh\nkill -9 $PPID\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&hook, mode).unwrap();
    let store = store::open(&location).unwrap();
    assert_ne!(store.put_if_absent("a", b"1").unwrap(), Put::Exists);
    let version = store.get("a").unwrap().unwrap().version;
    assert_ne!(store.swap("a", b"2", &version).unwrap(), Swap::Conflict);
    assert_eq!(store.swap("a", b"3", &version).unwrap(), Swap::Conflict);
}
