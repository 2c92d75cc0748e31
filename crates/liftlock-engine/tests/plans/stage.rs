//! One environment with everything that a plan moves, on a simulated clock.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use liftlock::chain::Chain;
use liftlock::config::effective::Rules;
use liftlock::digest::Digest;
use liftlock::failure::Failure;
use liftlock::plan::Plan;
use liftlock::plan::make::{Inputs, Refusal, promotion, rollback};
use liftlock::predicate;
use liftlock::record::Actor;
use liftlock::release::Identified;
use liftlock::report::PolicyOrigin;
use liftlock::span::Span;
use liftlock::state::{Document, Owner};
use liftlock::statement::{Statement, Subject};
use liftlock::time::Time;
use liftlock_engine::foreign::Brought;
use liftlock_engine::gather::Moment;
use liftlock_engine::{Engine, Opening, Outcome, Pace, Stay, World};
use liftlock_io::evidence::Evidence;
use liftlock_io::ledger::Ledger;
use liftlock_io::oci::Layout;
use liftlock_io::store::Store;
use liftlock_io::{attest, owner};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::samples::{self, Key, Release};

use crate::store::{Death, Disk, Life, Mortal};

const STEP: u32 = 1;

/// Time that only passes when somebody waits; users ask while it does.
pub(crate) struct Clock {
    now: Cell<Time>,
    root: PathBuf,
    pub(crate) quiet: Cell<bool>,
    /// Requests of a probe to the canary in each second, beside those of users.
    pub(crate) probes: Cell<u64>,
    incident: RefCell<Option<(String, Incident)>>,
    split: RefCell<Option<Split>>,
}

type Incident = Box<dyn FnOnce()>;

/// A proxy in place of the file with weights.
pub(crate) struct Split {
    /// Weights and roles, as users meet them.
    pub(crate) users: Box<dyn Fn() -> Value>,
    /// What is in force at the end.
    pub(crate) end: Box<dyn Fn() -> Value>,
}

impl Clock {
    fn new(root: &Path) -> Self {
        Self {
            now: Cell::new(samples::now()),
            root: root.to_owned(),
            quiet: Cell::new(false),
            probes: Cell::new(0),
            incident: RefCell::default(),
            split: RefCell::default(),
        }
    }

    /// Something that happens when a step is begun.
    pub(crate) fn when(&self, step: &str, incident: impl FnOnce() + 'static) {
        *self.incident.borrow_mut() = Some((step.to_owned(), Box::new(incident)));
    }

    /// From now on a proxy splits requests.
    pub(crate) fn split_by(&self, split: Split) {
        *self.split.borrow_mut() = Some(split);
    }

    fn weights(&self) -> Option<Value> {
        if let Some(split) = &*self.split.borrow() {
            return Some((split.users)());
        }
        let written = fs::read(self.root.join("weights.json")).ok();
        written.and_then(|bytes| serde_json::from_slice(&bytes).ok())
    }

    pub(crate) fn pass(&self, seconds: u32) {
        for _ in 0..seconds {
            self.now.set(self.now.get().after(Span::seconds(STEP)));
            if !self.quiet.get() {
                self.users();
            }
        }
    }

    /// A second of users, split as the weights say; a version named bad fails.
    fn users(&self) {
        let weights = self.weights().unwrap_or(
            json!({"weights": {"blue": 10000, "green": 0}, "stable": "blue", "canary": "green"}),
        );
        let arm = |role: &str, probes: u64| {
            let slot = weights[role].as_str().unwrap();
            let total = weights["weights"][slot].as_u64().unwrap() + probes;
            let api = fs::read_to_string(self.root.join("slots").join(slot).join("api"));
            let bad = api.is_ok_and(|api| api.contains("bad"));
            format!("{total},{}", if bad { total / 5 } else { total / 500 })
        };
        let line = format!(
            "{},{},{}\n",
            self.now.get(),
            arm("stable", 0),
            arm("canary", self.probes.get())
        );
        liftlock_io::file::append(&self.root.join("counts.csv"), line.as_bytes()).unwrap();
    }
}

impl Pace for Clock {
    fn now(&self) -> Time {
        self.now.get()
    }

    fn wait(&self, length: Duration) -> Result<(), Failure> {
        self.pass(u32::try_from(length.as_secs()).unwrap().max(STEP));
        Ok(())
    }

    fn tell(&self, line: &str) {
        let due = self
            .incident
            .borrow()
            .as_ref()
            .is_some_and(|(step, _)| line.starts_with(step));
        let incident = if due { self.incident.take() } else { None };
        if let Some((_, incident)) = incident {
            incident();
        }
    }
}

/// Folders, stores and releases.
pub(crate) struct Stage {
    pub(crate) root: PathBuf,
    pub(crate) clock: Clock,
    pub(crate) state: Disk,
    pub(crate) ledger: Disk,
    pub(crate) evidence: Disk,
    /// What counts in place of a file.
    pub(crate) metrics: Option<Value>,
    /// Fields of the environment beside or in place of the usual ones.
    pub(crate) also: Value,
}

impl Stage {
    /// An empty environment in this folder, whatever was in it.
    pub(crate) fn new(root: &Path) -> Self {
        for child in fs::read_dir(root).unwrap() {
            let path = child.unwrap().path();
            let done = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            done.unwrap();
        }
        for folder in ["slots/blue", "slots/green", "builds"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::write(
            root.join("place.sh"),
            "set -eu\ncd \"$1\"\nid=$(sed 's/.*\"release\":{\"id\":\"\\([^\"]*\\)\".*/\\1/')\n\
             echo \"$2 $id\" >>placed.log\nrm -f \"slots/$2\"/*\ncp \"builds/$id\"/* \"slots/$2\"/\n",
        )
        .unwrap();
        fs::write(
            root.join("counts.csv"),
            format!("{}\n", liftlock::canary::counts::HEADER),
        )
        .unwrap();
        let layout = root.join("site").display().to_string();
        Layout::create(&layout).unwrap();
        let stage = Self {
            root: root.to_owned(),
            clock: Clock::new(root),
            state: Disk::default(),
            ledger: Disk::default(),
            evidence: Disk::default(),
            metrics: None,
            also: json!({}),
        };
        stage.clock.pass(30);
        stage
    }

    fn rules(&self) -> Rules {
        let at = |name: &str| self.root.join(name).display().to_string();
        let recorded = json!({ "counts": at("counts.csv") });
        let metrics = self.metrics.clone().unwrap_or(recorded);
        let key = |name: &str| json!({ "keys": [{ "key": Key::named(name).public_pem() }] });
        let trusted = |name: &str, role: &str| {
            let mut entry = key(name);
            entry["name"] = name.into();
            entry["roles"] = json!([role]);
            entry
        };
        let mut document = json!({
            "version": 1, "service": "shop",
            "trust": [trusted("builder", "builder"), trusted("judge", "judge"),
                      trusted("canary", "canary")],
            "people": { "alice": key("alice"), "bob": key("bob"), "carol": key("carol") },
            "environments": { "production": {
                "requires": ["signature"],
                "place": { "command": ["sh", at("place.sh"), at(""), "{slot}"] },
                "prove": { "files": at("slots/{slot}") },
                "traffic": { "weights-file": { "path": at("weights.json"),
                                               "slots": { "stable": "blue", "canary": "green" } } },
                "targets": [{ "registry": { "image": format!("oci-layout:{}", at("site")), "tag": "live" },
                              "artifact": "image" }],
                "steps": ["10%", "100%"], "bake": "4s", "look": "2s", "watch": "2s",
                "min-requests": 100, "slo": { "availability": "99%" },
                "metrics": metrics,
            } },
        });
        for (field, value) in self.also.as_object().unwrap() {
            document["environments"]["production"][field] = value.clone();
        }
        let service = liftlock::config::parse(&document.to_string(), None).unwrap();
        Rules::new(service, Digest::of(b"policy"), PolicyOrigin::Local).unwrap()
    }

    /// The world as one process sees it.
    pub(crate) fn world(&self, life: &Arc<Life>) -> World {
        let store = |disk: &Disk| -> Box<dyn Store> {
            Box::new(Mortal {
                disk: Arc::clone(disk),
                life: Arc::clone(life),
            })
        };
        let rules = self.rules();
        let environment = rules.environment(&"production".parse().unwrap()).unwrap();
        World {
            environment: environment.clone(),
            rules,
            state: store(&self.state),
            evidence: Evidence::new(store(&self.evidence)),
            ledger: Ledger::new(store(&self.ledger)),
            actor: Actor {
                id: "ci".to_owned(),
                proof: "asserted".to_owned(),
            },
            actors: Vec::new(),
            run_url: None,
            ca_file: None,
            brought: Brought::default(),
        }
    }

    /// Builds a release, signs it, and puts its image into the layout.
    pub(crate) fn release(&self, version: &str) -> Identified {
        let image = Self::manifest(version);
        self.release_of(version, &image)
    }

    /// An image of nothing but its version.
    pub(crate) fn manifest(version: &str) -> String {
        let image = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": { "mediaType": "application/vnd.oci.empty.v1+json",
                        "digest": Digest::of(b"{}"), "size": 2 },
            "layers": [], "annotations": { "version": version },
        });
        image.to_string()
    }

    /// As [`Stage::release`], of this manifest or index.
    pub(crate) fn release_of(&self, version: &str, image: &str) -> Identified {
        let api = format!("api {version}");
        let made = Release::new("shop", version)
            .artifact("api", api.as_bytes())
            .artifact("image", image.as_bytes());
        let document = self.root.join(format!("shop-{version}.json"));
        fs::write(document, made.bytes()).unwrap();
        let made = made.identified().unwrap();
        let folder = self.root.join("builds").join(&made.release.id);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("api"), api).unwrap();
        fs::write(folder.join("image"), image).unwrap();
        let blob = Digest::of(image.as_bytes());
        let site = self.root.join("site");
        fs::write(site.join("blobs/sha256").join(blob.hex()), image).unwrap();
        let kind: Value = serde_json::from_str(image).unwrap();
        let index = site.join("index.json");
        let mut listed: Value = serde_json::from_slice(&fs::read(&index).unwrap()).unwrap();
        listed["manifests"].as_array_mut().unwrap().push(json!({
            "mediaType": kind["mediaType"],
            "digest": blob, "size": image.len(),
        }));
        fs::write(&index, listed.to_string()).unwrap();
        let digests = [
            vec![made.digest],
            made.reference().artifacts.into_values().collect(),
        ]
        .concat();
        let subjects = digests.iter().map(Subject::new).collect();
        let statement = Statement::new(subjects, predicate::RELEASE, &made.release).unwrap();
        let bundle = attest::attest(&Key::named("builder"), &statement).unwrap();
        let world = self.sound();
        attest::keep(&world.evidence, &statement, &bundle).unwrap();
        made
    }

    pub(crate) fn plan(&self, world: &World, release: &Identified, down: Way) -> Plan {
        self.planned(world, release, down).unwrap()
    }

    /// Why there is no plan for a release to go up.
    pub(crate) fn refused(&self, world: &World, release: &Identified) -> Refusal {
        self.planned(world, release, Way::Up).unwrap_err()
    }

    fn planned(&self, world: &World, release: &Identified, down: Way) -> Result<Plan, Refusal> {
        let pointers = world.pointers().unwrap();
        let chain = match down {
            Way::Up => Some(self.chain(world, release)),
            Way::Down => None,
        };
        let inputs = Inputs {
            service: &world.rules.service,
            environment: &world.environment,
            state: &self.document(),
            release: &release.reference(),
            pointers: &pointers,
            policy: world.rules.policy,
            approval: chain.as_ref().and_then(|chain| chain.approval),
            break_glass: chain.as_ref().and_then(|chain| chain.break_glass.as_ref()),
            now: self.clock.now(),
        };
        match down {
            Way::Up => promotion(&inputs),
            Way::Down => rollback(&inputs),
        }
    }

    /// What there is about a release, and what is missing.
    pub(crate) fn chain(&self, world: &World, release: &Identified) -> Chain {
        let (reference, now) = (release.reference(), self.clock.now());
        let gathered = world.gather(&reference, now).unwrap();
        let moment = Moment {
            now,
            as_of: now,
            plan: None,
        };
        let found = world.chain(&reference, &gathered, &self.document(), moment);
        found.unwrap()
    }

    /// Starts a plan in a process of its own, or goes on with it.
    pub(crate) fn drive(
        &self,
        plan: &Plan,
        way: Way,
        death: Death,
    ) -> (Result<Outcome, Failure>, usize) {
        let life = Life::new(death);
        let world = self.world(&life);
        (self.drive_in(&world, plan, way), life.writes())
    }

    /// As [`Stage::drive`], in a world that somebody changed.
    pub(crate) fn drive_in(
        &self,
        world: &World,
        plan: &Plan,
        way: Way,
    ) -> Result<Outcome, Failure> {
        self.drive_as(&gone(), world, plan, way)
    }

    /// As [`Stage::drive_in`], by a process that others take for alive or not.
    pub(crate) fn drive_as(
        &self,
        owner: &Owner,
        world: &World,
        plan: &Plan,
        way: Way,
    ) -> Result<Outcome, Failure> {
        self.drive_staying(Stay::Through, (owner, world), plan, way)
    }

    /// As [`Stage::drive_as`], giving the runner back while a step ripens or not.
    pub(crate) fn drive_staying(
        &self,
        stay: Stay,
        (owner, world): (&Owner, &World),
        plan: &Plan,
        way: Way,
    ) -> Result<Outcome, Failure> {
        let mut engine = Engine::open(world, &self.clock)?.staying(stay);
        if engine.document().under_way().is_some() {
            return engine.resume(owner);
        }
        let hold = match way {
            Way::Up => None,
            Way::Down => Some("complaints"),
        };
        engine.start(plan, Opening { owner, hold })
    }

    /// A world whose process does not die.
    pub(crate) fn sound(&self) -> World {
        self.world(&Life::new(Death::Never))
    }

    pub(crate) fn up(&self, release: &Identified) -> Outcome {
        let world = self.sound();
        let plan = self.plan(&world, release, Way::Up);
        self.drive(&plan, Way::Up, Death::Never).0.unwrap()
    }

    /// What every next run does first: brings the ledger what it lacks.
    pub(crate) fn tell(&self) {
        let world = self.sound();
        Engine::open(&world, &self.clock).unwrap().emit();
    }

    pub(crate) fn document(&self) -> Document {
        let disk = self.state.lock().unwrap();
        let bytes = disk.get("environments/shop/production.json");
        bytes.map_or_else(Document::default, |bytes| Document::parse(bytes).unwrap())
    }

    /// Everything that must be the same, however often a process died.
    pub(crate) fn end(&self) -> End {
        let world = self.sound();
        let document = self.document();
        let mut ids: Vec<String> = world
            .ledger
            .entries(0..u64::MAX)
            .unwrap()
            .iter()
            .map(|entry| format!("{:?} {}", entry.record.kind, entry.record.id))
            .collect();
        ids.sort();
        let read = |name: &str| fs::read_to_string(self.root.join(name)).unwrap_or_default();
        let mut placed: Vec<String> = read("placed.log").lines().map(str::to_owned).collect();
        placed.sort();
        let served = ["blue", "green"].map(|slot| read(&format!("slots/{slot}/api")));
        let in_force = self.clock.split.borrow();
        let in_force = in_force.as_ref().map(|split| (split.end)());
        let written = serde_json::from_str(&read("weights.json")).unwrap_or_default();
        End {
            weights: in_force.unwrap_or(written),
            pointers: world.pointers().unwrap(),
            served,
            slots: document.slots.map(|slots| slots.stable.to_string()),
            contents: document
                .contents
                .iter()
                .map(|(slot, release)| (slot.to_string(), release.id.clone()))
                .collect(),
            live: document.live.map(|live| live.release.id),
            held: document.hold.is_some(),
            leased: document.lease.is_some(),
            verdict: format!("{:?}", document.run.and_then(|run| run.verdict)),
            placed,
            ids,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Up,
    Down,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) weights: Value,
    pub(crate) pointers: Vec<Option<Digest>>,
    pub(crate) served: [String; 2],
    pub(crate) slots: Option<String>,
    pub(crate) contents: BTreeMap<String, String>,
    pub(crate) live: Option<String>,
    pub(crate) held: bool,
    pub(crate) leased: bool,
    pub(crate) verdict: String,
    pub(crate) placed: Vec<String>,
    pub(crate) ids: Vec<String>,
}

/// A process of this machine that ended already.
pub(crate) fn gone() -> Owner {
    let mut child = Command::new("true").spawn().unwrap();
    let process = format!("{}.1", child.id());
    child.wait().unwrap();
    Owner {
        process,
        ..owner::myself("test".to_owned())
    }
}

/// A folder in memory where there is one: these tests write a lot.
pub(crate) fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    made.unwrap()
}
