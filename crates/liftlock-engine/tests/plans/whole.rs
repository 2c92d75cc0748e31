//! A tag is pointed only at what is there, with everything below it.

use std::fs;

use liftlock::digest::Digest;
use liftlock::failure::Kind;
use liftlock::plan::Plan;
use liftlock::verdict::Verdict;
use serde_json::json;
use tempfile::TempDir;

use crate::stage::{Stage, Way, folder};
use crate::store::Death;

/// Version 1 is live; version 2 is an index of one image, which may be there.
fn scene(is_whole: bool) -> (TempDir, Stage, Plan, std::path::PathBuf) {
    let folder = folder();
    let stage = Stage::new(folder.path());
    stage.up(&stage.release("1"));
    let child = Stage::manifest("2");
    let digest = Digest::of(child.as_bytes());
    let blob = stage.root.join("site/blobs/sha256").join(digest.hex());
    if is_whole {
        fs::write(&blob, &child).unwrap();
    }
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{ "mediaType": "application/vnd.oci.image.manifest.v1+json",
                        "digest": digest, "size": child.len() }],
    });
    let release = stage.release_of("2", &index.to_string());
    let plan = stage.plan(&stage.sound(), &release, Way::Up);
    (folder, stage, plan, blob)
}

#[test]
fn an_index_whose_image_is_not_there_moves_nothing() {
    let (_folder, stage, plan, _) = scene(false);
    let before = stage.document();
    let refused = stage.drive(&plan, Way::Up, Death::Never).0.unwrap_err();
    assert_eq!(refused.kind, Kind::Refuted, "{:?}", refused.lines());
    assert_eq!(stage.document(), before);
    assert_eq!(stage.end().placed.len(), 1);
}

#[test]
fn an_image_that_goes_missing_meanwhile_is_not_pointed_at() {
    let (_folder, stage, plan, blob) = scene(true);
    let before = stage.sound().pointers().unwrap();
    let check = move || fs::remove_file(&blob).unwrap();
    stage.clock.when("09-check", check);
    let outcome = stage.drive(&plan, Way::Up, Death::Never).0.unwrap();
    assert_eq!((outcome.verdict, outcome.restored), (Verdict::Fail, true));
    let reason = outcome.turned.unwrap().reason;
    assert!(reason.starts_with("10-point: not all of"), "{reason}");
    assert_eq!(stage.sound().pointers().unwrap(), before);
}

#[test]
fn an_index_with_everything_below_it_goes_up() {
    let (_folder, stage, plan, _) = scene(true);
    let outcome = stage.drive(&plan, Way::Up, Death::Never).0.unwrap();
    assert_eq!(outcome.verdict, Verdict::Pass, "{:?}", outcome.turned);
}
