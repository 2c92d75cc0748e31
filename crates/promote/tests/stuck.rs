//! What is stuck is told as that by whoever is asked, until a person mended it.
#![cfg(test)]

use std::fs;

use serde_json::{Value, json};
use testkit::cli::{Output, Run, bin};
use testkit::house::House;

/// A pointer that may be broken, or break once it was moved.
const POINTER: &str = r#"set -eu
if [ "$2" = read ]; then
  if [ -e "$1.json" ]; then cat "$1.json"; else echo '{"digest":null}'; fi
elif [ -e "$1.broken" ]; then
  echo "503 from the API" >&2
  exit 1
else
  sed 's/.*"to":"\([^"]*\)".*/{"digest":"\1"}/' >"$1.json"
  if [ -e "$1.fragile" ]; then : >"$1.broken"; fi
fi
"#;

fn pointer(name: &str) -> String {
    let argv = |what: &str| format!("[sh, pointer.sh, {name}, {what}]");
    format!(
        "{{ command: {{ name: {name}, read: {}, point: {}, reversible: yes }}, artifact: image }}",
        argv("read"),
        argv("point")
    )
}

/// A tag, and these pointers after it; nothing is live, users ask.
fn house(pointers: &[&str]) -> House {
    let mut house = House::new().unwrap();
    house.write("pointer.sh", POINTER).unwrap();
    let more: Vec<String> = pointers.iter().map(|name| pointer(name)).collect();
    let more = format!("artifact: image }}, {}]", more.join(", "));
    house.configure("artifact: image }]", &more).unwrap();
    house.open().unwrap();
    house
}

fn on(house: &House, code: i32, words: &[&str]) -> Output {
    let (subcommand, more) = words.split_first().unwrap();
    let place = [subcommand, "--environment", "production"];
    house
        .expect(code, "promote", &[&place[..], more].concat())
        .unwrap()
}

/// What people see, ending with this code.
fn shown(house: &House, code: i32, words: &[&str]) -> String {
    let (subcommand, more) = words.split_first().unwrap();
    let run = Run::new(bin("promote")).folder(house.path(""));
    let run = run.args([subcommand, "--environment", "production"]);
    let output = run.args(more).output().unwrap();
    let said = format!("{}{}", output.stdout, output.stderr);
    assert_eq!(output.code, code, "{words:?}: {said}");
    said
}

/// What plan, explain and run say of a version, each with this code.
fn all_say(house: &House, code: i32, version: &str, words: &[&str]) {
    let file = format!("release-{version}.json");
    for subcommand in ["plan", "explain", "run"] {
        let said = shown(house, code, &[subcommand, "--release", &file]);
        for word in words {
            assert!(said.contains(word), "{subcommand}: {word}: {said}");
        }
        assert!(!said.contains("restored: yes"), "{subcommand}: {said}");
    }
}

fn tag(house: &House) -> Option<String> {
    let index: Value = serde_json::from_str(&house.text("site/index.json")).unwrap();
    let name = "org.opencontainers.image.ref.name";
    let mut tagged = index["manifests"].as_array().unwrap().iter();
    let tagged = tagged.find(|one| one["annotations"][name] == "live")?;
    Some(tagged["digest"].as_str().unwrap().to_owned())
}

/// The first release went back, and its tag could not.
fn left() -> House {
    let house = house(&["alias"]);
    house.release("1").unwrap();
    house.release("2").unwrap();
    house.write("alias.broken", "").unwrap();
    let told = house.promote(16, "1").unwrap().json().unwrap();
    assert_eq!(told["detail"]["outcome"]["restored"], false, "{told}");
    fs::remove_file(house.path("alias.broken")).unwrap();
    house
}

const LEFT: &str = "oci-layout:site:live still points at shop-1, whose plan went back";

#[test]
fn a_tag_that_was_left_at_what_failed_is_told_until_it_is_moved() {
    let house = left();
    let status = shown(&house, 16, &["status"]);
    for word in ["nothing is live", LEFT, "delete it or move it by hand"] {
        assert!(status.contains(word), "{word}: {status}");
    }
    let told = on(&house, 16, &["status"]).json().unwrap();
    assert_eq!(
        told["detail"]["left"].as_array().unwrap().len(),
        1,
        "{told}"
    );
    let before = (tag(&house), house.state(), house.text("weights.json"));
    all_say(&house, 16, "1", &[LEFT, "delete it or move it by hand"]);
    let after = (tag(&house), house.state(), house.text("weights.json"));
    assert_eq!(after, before);
    // Whoever looks, and deletes it.
    let index = house.text("site/index.json");
    let untagged = index.replace("org.opencontainers.image.ref.name", "x");
    house.write("site/index.json", untagged).unwrap();
    on(&house, 0, &["status"]);
    house.promote(0, "1").unwrap();
    on(&house, 0, &["status"]);
}

#[test]
fn another_release_moves_what_was_left_and_one_that_fails_does_not_hide_it() {
    let house = left();
    house.build("3", "60%").unwrap();
    house.sign("3", "builder", &[]).unwrap();
    house.promote(10, "3").unwrap();
    let status = shown(&house, 16, &["status"]);
    assert!(status.contains(LEFT), "{status}");
    let plan = shown(&house, 0, &["plan", "--release", "release-2.json"]);
    assert!(plan.contains(LEFT), "{plan}");
    house.promote(0, "2").unwrap();
    let status = on(&house, 0, &["status"]).json().unwrap();
    assert_eq!(status["detail"]["left"], json!([]), "{status}");
}

#[test]
fn a_way_back_that_is_stuck_is_told_with_what_is_where_until_it_is_over() {
    let house = house(&["alias", "other"]);
    for version in ["1", "2"] {
        house.release(version).unwrap();
    }
    house.promote(0, "1").unwrap();
    for name in ["alias.fragile", "other.broken"] {
        house.write(name, "").unwrap();
    }
    let stuck = house.promote(16, "2").unwrap().stderr;
    assert!(
        stuck.contains("promote resume --environment production"),
        "{stuck}"
    );
    let words = [
        "(point alias at ",
        "shop-2 0%",
        "shop-1 100%",
        "moved to shop-2: alias",
        "promote resume --environment production",
    ];
    let status = shown(&house, 16, &["status"]);
    for word in words {
        assert!(status.contains(word), "{word}: {status}");
    }
    let file = ["--release", "release-2.json"];
    for subcommand in ["plan", "explain"] {
        let said = shown(&house, 16, &[&[subcommand], &file[..]].concat());
        assert!(said.contains("goes back"), "{subcommand}: {said}");
    }
    house.promote(16, "2").unwrap();
    for name in ["alias.fragile", "alias.broken", "other.broken"] {
        fs::remove_file(house.path(name)).unwrap();
    }
    let told = house.promote(10, "2").unwrap().json().unwrap();
    assert_eq!(told["detail"]["outcome"]["restored"], true, "{told}");
    on(&house, 0, &["status"]);
}
