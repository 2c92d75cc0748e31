#![cfg(test)]
//! The recipes for traffic, as the command target runs them: Lambda by AWS's
//! own command line on moto, the others by stand-ins that keep what they are told.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use liftlock::config::target::Slots;
use liftlock::config::traffic::Splitter;
use liftlock::digest::Digest;
use liftlock::name::Name;
use liftlock::percent::Percent;
use liftlock::traffic::command::{Order, Question, Release, VERSION, points};
use liftlock_io::splitter;
use testkit::peers;
use testkit::servers::Moto;

/// A recipe with what it finds on its path and in its environment.
struct Bench {
    folder: tempfile::TempDir,
    target: Splitter,
    service: Name,
    environment: Name,
}

impl Bench {
    fn new(recipe: &str, words: &[&str], variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = format!(
            "PATH={}:{}",
            folder.path().display(),
            liftlock_io::env::var("PATH").unwrap()
        );
        let program = peers::root().join("docs/recipes").join(recipe);
        let program = program.display().to_string();
        let set = variables
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let before: Vec<String> = ["env".to_owned(), path].into_iter().chain(set).collect();
        let argv = |word: &str| {
            let after = [&["python3", &program, word], words].concat();
            let after = after.into_iter().map(str::to_owned);
            before.iter().cloned().chain(after).collect()
        };
        let target = Splitter {
            read: argv("read"),
            shift: argv("shift"),
            timeout: None,
            slots: Slots {
                stable: "blue".parse().unwrap(),
                canary: "green".parse().unwrap(),
            },
        };
        Self {
            folder,
            target,
            service: "shop".parse().unwrap(),
            environment: "production".parse().unwrap(),
        }
    }

    /// A program of this name that keeps its state in the bench's folder.
    fn stand_in(&self, name: &str, program: &str) {
        let path = self.folder.path().join(name);
        fs::write(&path, program).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn asked(&self) -> String {
        fs::read_to_string(self.folder.path().join("asked")).unwrap()
    }

    fn question<'a>(&'a self, slots: &'a Slots, order: Option<Order<'a>>) -> Question<'a> {
        Question {
            schema_version: VERSION,
            service: &self.service,
            environment: &self.environment,
            slots,
            order,
        }
    }

    /// Hundredths of a percent of blue and green.
    fn read(&self, slots: &Slots) -> Result<[u16; 2], splitter::Error> {
        let split = splitter::read(&self.target, &self.question(slots, None))?;
        Ok(["blue", "green"].map(|slot| split.weights[&slot.parse::<Name>().unwrap()]))
    }

    fn shift(&self, slots: &Slots, canary: &str, fence: u64) -> Result<(), splitter::Error> {
        let canary: Percent = canary.parse().unwrap();
        let shares = BTreeMap::from([
            (slots.stable.clone(), canary.rest()),
            (slots.canary.clone(), canary),
        ]);
        let digest = Digest::of(b"shop-2");
        let order = Order {
            weights: points(&shares),
            plan: digest,
            release: Release {
                id: "shop-2",
                digest,
            },
            fence,
        };
        splitter::shift(&self.target, &self.question(slots, Some(order)))
    }
}

/// An AWS command line that asks moto, and a function with three versions.
fn function(moto: &Moto) -> Option<Vec<(&'static str, String)>> {
    let aws = peers::require("aws")?;
    let variables = vec![
        ("AWS_ENDPOINT_URL", moto.url()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
    ];
    let folder = tempfile::tempdir().unwrap();
    zip(&folder.path().join("code.zip"));
    let run = |line: &str| {
        let output = Command::new(&aws)
            .args(line.split(' '))
            .envs(variables.iter().cloned())
            .current_dir(folder.path())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {stderr}");
    };
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    let role = "arn:aws:iam::123456789012:role/r";
    run(&format!(
        "iam create-role --role-name r --assume-role-policy-document {policy}"
    ));
    run(&format!(
        "lambda create-function --function-name shop --runtime python3.13 --handler a.b --role {role} --zip-file fileb://code.zip"
    ));
    for version in 1..=3 {
        run(&format!(
            "lambda update-function-configuration --function-name shop --environment Variables={{VERSION={version}}}"
        ));
        run("lambda publish-version --function-name shop");
    }
    for (name, version) in [("live", 1), ("blue", 1), ("green", 2)] {
        run(&format!(
            "lambda create-alias --function-name shop --name {name} --function-version {version}"
        ));
    }
    Some(variables)
}

/// An archive with nothing in it.
fn zip(path: &Path) {
    let mut end = b"PK\x05\x06".to_vec();
    end.resize(22, 0);
    fs::write(path, end).unwrap();
}

#[test]
fn lambda_splits_between_the_versions_of_two_aliases() {
    let Some(moto) = Moto::start(u32::MAX).unwrap() else {
        return;
    };
    let Some(variables) = function(&moto) else {
        return;
    };
    let variables: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let bench = Bench::new("lambda.py", &["shop", "live"], &variables);
    let slots = bench.target.slots.clone();
    assert_eq!(bench.read(&slots).unwrap(), [10_000, 0]);
    for (share, expected) in [
        ("5%", [9_500, 500]),
        ("75%", [2_500, 7_500]),
        ("100%", [0, 10_000]),
        ("0%", [10_000, 0]),
    ] {
        bench.shift(&slots, share, 7).unwrap();
        assert_eq!(bench.read(&slots).unwrap(), expected);
    }
    let error = bench.shift(&slots, "5%", 6).unwrap_err();
    assert!(
        error.to_string().contains("newer owner: liftlock fence 7"),
        "{error}"
    );
    assert_eq!(bench.read(&slots).unwrap(), [10_000, 0]);
}

const GCLOUD: &str = r#"#!/usr/bin/env python3
import json, os, sys
here = os.path.dirname(os.path.abspath(__file__))
words = sys.argv[1:]
open(here + "/asked", "a").write(" ".join(words) + "\n")
assert words[:2] == ["run", "services"] and words[3:5] == ["shop", "--region=europe-west1"], words
assert "--quiet" in words and "--format=json" in words, words
path = here + "/service.json"
service = json.load(open(path))
if words[2] == "update-traffic":
    (to,) = [word for word in words if word.startswith("--to-tags=")]
    shares = dict(pair.split("=") for pair in to.removeprefix("--to-tags=").split(","))
    assert sum(map(int, shares.values())) == 100 and "0" not in shares.values(), shares
    kept = [target for target in service["status"]["traffic"] if "tag" in target]
    for target in kept:
        target.pop("percent", None)
        if target["tag"] in shares:
            target["percent"] = int(shares[target["tag"]])
    service["status"]["traffic"] = kept
    json.dump(service, open(path, "w"))
else:
    assert words[2] == "describe", words
print(json.dumps(service))
"#;

#[test]
fn cloud_run_splits_between_tags_in_whole_percents() {
    let bench = Bench::new("cloud_run.py", &["shop", "europe-west1"], &[]);
    bench.stand_in("gcloud", GCLOUD);
    let traffic = |targets: &str| {
        let text = format!(r#"{{"status":{{"traffic":[{targets}]}}}}"#);
        bench.write("service.json", &text);
    };
    let tags = r#"{"revisionName":"shop-1","tag":"blue"},{"revisionName":"shop-2","tag":"green"}"#;
    traffic(&format!(
        r#"{{"revisionName":"shop-1","percent":100,"latestRevision":true}},{tags}"#
    ));
    let slots = bench.target.slots.clone();
    assert_eq!(bench.read(&slots).unwrap(), [10_000, 0]);
    for (share, expected) in [
        ("5%", [9_500, 500]),
        ("100%", [0, 10_000]),
        ("0%", [10_000, 0]),
    ] {
        bench.shift(&slots, share, 7).unwrap();
        assert_eq!(bench.read(&slots).unwrap(), expected);
    }
    assert!(
        bench.asked().contains("--to-tags=blue=95,green=5"),
        "{}",
        bench.asked()
    );
    let before = bench.asked().matches("update-traffic").count();
    assert!(
        bench
            .shift(&slots, "0.5%", 7)
            .unwrap_err()
            .to_string()
            .contains("whole percents")
    );
    assert_eq!(bench.asked().matches("update-traffic").count(), before);
    traffic(&format!(
        r#"{{"revisionName":"shop-0","percent":10}},{tags}"#
    ));
    let error = bench.read(&slots).unwrap_err();
    assert!(error.to_string().contains("shop-0"), "{error}");
}

/// A Rollout with steps 0, 5 and 25 %: what `promote` and `abort` do to it.
const KUBECTL: &str = r#"#!/usr/bin/env python3
import json, os, sys
here = os.path.dirname(os.path.abspath(__file__))
words = sys.argv[1:]
open(here + "/asked", "a").write(" ".join(words) + "\n")
assert words[-2:] == ["--namespace", "prod"], words
words = words[:-2]
path = here + "/rollout.json"
rollout = json.load(open(path))
status = rollout["status"]
if words == ["get", "rollout", "shop", "--output=json"]:
    print(json.dumps(rollout))
elif words[:3] == ["argo", "rollouts", "promote"] and words[3:] == ["shop", "--full"]:
    status.update(stableRS=status["currentPodHash"], currentStepIndex=6)
elif words == ["argo", "rollouts", "promote", "shop"]:
    assert status["currentStepIndex"] < 6, "nothing to promote"
    status["currentStepIndex"] += 2
elif words == ["argo", "rollouts", "abort", "shop"]:
    status.update(abort=True, currentStepIndex=0)
elif words[:3] == ["annotate", "rollout", "shop"] and words[4] == "--overwrite":
    name, value = words[3].split("=")
    rollout["metadata"].setdefault("annotations", {})[name] = value
else:
    sys.exit(f"unknown command {words}")
json.dump(rollout, open(path, "w"))
"#;

#[test]
fn argo_rollouts_goes_up_by_its_own_steps_and_down_at_once() {
    let bench = Bench::new("argo_rollouts.py", &["prod", "shop"], &[]);
    bench.stand_in("kubectl", KUBECTL);
    // Waiting at the first pause, at 0 %.
    let rollout = |stable: &str, current: &str, annotations: &str| {
        let text = r#"{"metadata":{"annotations":ANNOTATIONS},"spec":{"strategy":{"canary":{"steps":[
            {"setWeight":0},{"pause":{}},{"setWeight":5},{"pause":{}},{"setWeight":25},{"pause":{}}]}}},
            "status":{"stableRS":"STABLE","currentPodHash":"CURRENT","currentStepIndex":1}}"#;
        let text = text.replace("STABLE", stable).replace("CURRENT", current);
        bench.write("rollout.json", &text.replace("ANNOTATIONS", annotations));
    };
    let slots = bench.target.slots.clone();
    rollout("a", "a", "{}");
    assert_eq!(bench.read(&slots).unwrap(), [10_000, 0]);
    rollout("a", "b", "{}");
    assert_eq!(bench.read(&slots).unwrap(), [10_000, 0]);
    bench.shift(&slots, "5%", 7).unwrap();
    bench.shift(&slots, "25%", 7).unwrap();
    assert!(
        bench.shift(&slots, "50%", 7).is_err(),
        "there is no such step"
    );
    rollout("a", "b", "{}");
    bench.shift(&slots, "25%", 7).unwrap();
    bench.shift(&slots, "0%", 7).unwrap();
    assert!(
        bench.asked().contains("argo rollouts abort shop"),
        "{}",
        bench.asked()
    );
    rollout("a", "b", "{}");
    bench.shift(&slots, "100%", 7).unwrap();
    assert_eq!(bench.read(&slots).unwrap(), [0, 10_000]);
    // The roles have changed, and the next version goes into `blue`.
    let swapped = slots.swapped();
    assert_eq!(bench.read(&swapped).unwrap(), [0, 10_000]);
    rollout("b", "c", r#"{"liftlock.github.io/live":"green"}"#);
    bench.shift(&swapped, "5%", 8).unwrap();
    assert_eq!(bench.read(&swapped).unwrap(), [500, 9_500]);
    bench.shift(&swapped, "100%", 8).unwrap();
    assert_eq!(bench.read(&swapped.swapped()).unwrap(), [10_000, 0]);
}
