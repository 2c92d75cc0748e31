//! Images that go to another repository before a tag points at them.
#![cfg(test)]

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;
use testkit::cli::{Output, Run, bin};
use testkit::peers;
use testkit::servers::Registry;

const RULES: &str = "version: 1
service: shop
trust:
  - { name: builder, roles: [builder], keys: [{ key-file: cosign.pub }] }
environments:
  production:
    requires: [signature]
    targets:
      - registry: { image: HOST/production/shop, tag: live, from: HOST/shop }
        artifact: image
";

struct Stage {
    folder: TempDir,
    registry: Registry,
    crane: PathBuf,
}

impl Stage {
    fn open() -> Option<Self> {
        let stage = Self {
            folder: tempfile::tempdir().unwrap(),
            registry: Registry::start(None).unwrap()?,
            crane: peers::require("crane")?,
        };
        let rules = RULES.replace("HOST", &stage.registry.host());
        fs::write(stage.folder.path().join("liftlock.yaml"), rules).unwrap();
        stage.ours(0, "sign-artifact", "generate-key-pair --empty-password");
        Some(stage)
    }

    fn run(&self, program: PathBuf, words: &str) -> Output {
        let words = words.replace("HOST", &self.registry.host());
        Run::new(program)
            .folder(self.folder.path())
            .env("COSIGN_PASSWORD", "")
            .args(words.split(' '))
            .output()
            .unwrap()
    }

    fn ours(&self, code: i32, program: &str, words: &str) -> Output {
        let output = self.run(bin(program), words);
        let said = format!("{}{}", output.stdout, output.stderr);
        assert_eq!(output.code, code, "{program} {words}: {said}");
        output
    }

    fn crane(&self, words: &str) -> Option<String> {
        let output = self.run(self.crane.clone(), words);
        (output.code == 0).then(|| output.stdout.trim().to_owned())
    }

    /// An image of one layer, signed, and a release of it; its digest.
    fn release(&self, version: &str) -> String {
        let file = self.folder.path().join("bytes");
        fs::write(&file, version.repeat(10_000)).unwrap();
        let tar = std::process::Command::new("tar")
            .args(["-cf", "layer.tar", "bytes"])
            .current_dir(self.folder.path())
            .status()
            .unwrap();
        assert!(tar.success());
        self.crane(&format!(
            "append --new_layer layer.tar --new_tag HOST/shop:{version}"
        ))
        .unwrap();
        self.ours(
            0,
            "sign-artifact",
            &format!("sign --key cosign.key HOST/shop:{version}"),
        );
        self.ours(
            0,
            "sign-artifact",
            &format!(
                "release --service shop --version {version} --owner team --key cosign.key \
                 --signed-by cosign.pub --artifact image=HOST/shop:{version} \
                 --output release-{version}.json --evidence file:.liftlock/evidence"
            ),
        );
        self.crane(&format!("digest HOST/shop:{version}")).unwrap()
    }

    fn promote(&self, code: i32, version: &str) -> Value {
        let words =
            format!("run --environment production --release release-{version}.json --format json");
        self.ours(code, "promote", &words)
            .json()
            .unwrap_or_default()
    }
}

#[test]
fn what_is_not_proved_is_not_copied_either() {
    let Some(stage) = Stage::open() else { return };
    stage.release("1");
    let evidence = stage.folder.path().join(".liftlock/evidence");
    fs::remove_dir_all(evidence).unwrap();
    stage.promote(10, "1");
    assert_eq!(stage.crane("ls HOST/production/shop"), None);
}

#[test]
fn an_image_and_its_signature_are_copied_and_then_pointed_at() {
    let Some(stage) = Stage::open() else { return };
    for version in ["1", "2"] {
        let digest = stage.release(version);
        let told = stage.promote(0, version);
        assert_eq!(told["verdict"], "pass", "{told}");
        let live = stage.crane("digest HOST/production/shop:live");
        assert_eq!(live.as_deref(), Some(digest.as_str()));
        stage
            .crane("validate --remote HOST/production/shop:live")
            .unwrap();
        let signed = format!("verify --key cosign.pub HOST/production/shop@{digest}");
        stage.ours(0, "sign-artifact", &signed);
    }
    // The way back copies nothing that is there already.
    let back = stage.ours(0, "rollback", "run --environment production --format json");
    assert_eq!(back.json().unwrap()["verdict"], "pass");
    let live = stage.crane("digest HOST/production/shop:live");
    assert_eq!(live, stage.crane("digest HOST/shop:1"));
}

#[test]
fn a_layer_that_is_gone_leaves_the_live_tag_alone() {
    let Some(stage) = Stage::open() else { return };
    let first = stage.release("1");
    stage.promote(0, "1");
    stage.release("2");
    let manifest: Value =
        serde_json::from_str(&stage.crane("manifest HOST/shop:2").unwrap()).unwrap();
    let layer = manifest["layers"][0]["digest"].as_str().unwrap();
    let layer = layer.trim_start_matches("sha256:");
    let blobs = "data/docker/registry/v2/blobs/sha256";
    let data = stage
        .registry
        .folder()
        .join(blobs)
        .join(&layer[..2])
        .join(layer);
    fs::remove_dir_all(data).unwrap();
    let told = stage.promote(10, "2");
    assert_eq!(told["detail"]["outcome"]["restored"], true, "{told}");
    let live = stage.crane("digest HOST/production/shop:live");
    assert_eq!(live.as_deref(), Some(first.as_str()));
}
