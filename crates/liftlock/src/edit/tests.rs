use std::fs;
use std::path::{Path as File, PathBuf};

use indoc::indoc;
use serde_json::Value;

use super::*;
use crate::yaml as plain;

const DIGEST: &str = "sha256:b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c";

fn spot<'a>(format: Format, path: &'a Path, document: Option<usize>) -> Spot<'a> {
    Spot {
        format,
        path,
        document,
    }
}

fn yaml(text: &str, path: &str) -> Result<String, Error> {
    let path: Path = path.parse().unwrap();
    let changed = spot(Format::Yaml, &path, None).replace(text.as_bytes(), DIGEST)?;
    Ok(String::from_utf8(changed).unwrap())
}

#[test]
fn only_the_text_changes_in_each_way_to_write_it() {
    let cases = [
        (
            "image: {digest: old} # why\n",
            "image: {digest: NEW} # why\n",
        ),
        (
            "image:\r\n  digest:   'old'  # c\r\nz: 1",
            "image:\r\n  digest:   'NEW'  # c\r\nz: 1",
        ),
        (
            "image:\n  digest: \"o\\u006cd\"",
            "image:\n  digest: \"NEW\"",
        ),
        (
            "# ä\nimage:\n  digest: 'o''ld'\n",
            "# ä\nimage:\n  digest: 'NEW'\n",
        ),
        (
            "{\"image\": {\"digest\": \"\"}}",
            "{\"image\": {\"digest\": \"NEW\"}}",
        ),
        (
            "? image\n: ? digest\n  : old\n",
            "? image\n: ? digest\n  : NEW\n",
        ),
        (
            "image:\n  digest: two\n    lines\nb: 1\n",
            "image:\n  digest: NEW\nb: 1\n",
        ),
        (
            "---\nimage: {digest: old}\n...\n",
            "---\nimage: {digest: NEW}\n...\n",
        ),
        (
            "\u{feff}image: {digest: old}\n",
            "\u{feff}image: {digest: NEW}\n",
        ),
        (
            "a: &x 1\nb: *x\nimage: {digest: old}\n",
            "a: &x 1\nb: *x\nimage: {digest: NEW}\n",
        ),
    ];
    for (before, after) in cases {
        let wanted = after.replace("NEW", DIGEST);
        assert_eq!(yaml(before, "image.digest"), Ok(wanted), "{before}");
    }
}

#[test]
fn a_kustomization_and_a_manifest_are_reached_by_the_items_name() {
    let text = indoc! {"
        # managed by people
        images:
        - name: registry.example/other
          digest: sha256:00
        -   name: registry.example/shop   # ours
            newTag: v1
            digest: sha256:11 # moved by promote
    "};
    let changed = yaml(text, "images[name=registry.example/shop].digest").unwrap();
    assert_eq!(changed, text.replace("sha256:11", DIGEST));
    let manifest = "spec: {containers: [{name: a, image: x}, {name: b, image: old}]}\n";
    let changed = yaml(manifest, "spec.containers[1].image").unwrap();
    assert_eq!(changed, manifest.replace("old", DIGEST));
}

#[test]
fn what_is_no_text_of_its_own_is_refused() {
    let cases = [
        ("image: {}\n", "there is no `image.digest`"),
        ("image:\n  - digest: a\n", "there is no `image.digest`"),
        ("image: {digest: }\n", "is no text but"),
        ("image: {digest: null}\n", "is no text but `null`"),
        ("image: {digest: 5}\n", "is no text but `5`"),
        ("image: {digest: 1.5e3}\n", "is no text but"),
        ("image: {digest: 0x1f}\n", "is no text but"),
        ("image: {digest: 2026-01-05}\n", "is no text but"),
        ("image: {digest: yes}\n", "is no text but `yes`"),
        ("image: {digest: -.INF}\n", "is no text but"),
        ("image: {digest: [a]}\n", "is no text but a list"),
        ("image: {digest: {a: b}}\n", "is no text but a map"),
        ("image:\n  digest: |\n    a\n", "over several lines"),
        ("image:\n  digest: >-\n    a\n", "over several lines"),
        ("image: {digest: &d a}\nb: *d\n", "has an anchor"),
        ("image: &i {digest: a}\nb: *i\n", "`image` has an anchor"),
        ("b: &i {digest: a}\nimage: *i\n", "`image` is an alias"),
        (
            "b: &d a\nimage: {digest: *d}\n",
            "`image.digest` is an alias",
        ),
        (
            "b: &i {digest: a}\nimage: {<<: *i}\n",
            "there is no `image.digest`",
        ),
        ("image: {digest: !!binary a}\n", "has the tag"),
        ("image: {digest: !vault a}\n", "has the tag"),
        ("image: {digest: a, digest: b}\n", "is there twice"),
        (
            "image: {digest: a}\nother: {x: 1, x: 2}\n",
            "is there twice",
        ),
        (
            "image: {digest: a}\n---\nimage: {digest: b}\n",
            "it has 2 documents",
        ),
        ("image: {digest: a\n", "it is no YAML: line"),
        ("", "it has no document 0"),
    ];
    for (text, why) in cases {
        let error = yaml(text, "image.digest").unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
    let twice = yaml("i: [{n: a, d: x}, {n: a, d: y}]", "i[n=a].d").unwrap_err();
    assert_eq!(twice, Error::Several("[n=a]".to_owned()));
    let path = "a".parse().unwrap();
    let of = |bytes: &[u8]| spot(Format::Yaml, &path, None).read(bytes).unwrap_err();
    assert_eq!(of(b"a: \xff"), Error::NoText);
    assert_eq!(of(&vec![b' '; LARGEST + 1]), Error::TooLarge(LARGEST + 1));
}

#[test]
fn one_of_several_documents_is_chosen() {
    let text = "a: x\n--- # two\na: v\n";
    let path = "a".parse().unwrap();
    let second = spot(Format::Yaml, &path, Some(1));
    assert_eq!(second.read(text.as_bytes()).unwrap(), "v");
    let changed = second.replace(text.as_bytes(), "z").unwrap();
    assert_eq!(changed, b"a: x\n--- # two\na: z\n");
    let third = spot(Format::Yaml, &path, Some(2));
    assert_eq!(third.read(text.as_bytes()), Err(Error::NoDocument(2)));
    let one = spot(Format::Json, &path, Some(1));
    assert_eq!(one.read(b"{\"a\": \"x\"}"), Err(Error::NoDocument(1)));
}

#[test]
fn json_and_toml_keep_their_bytes() {
    let json = "{ \"b\" :\t[1e2 , {\"a\":\"\\u0078\\\"]\"} ],\r\n\"a\":null}\n";
    let path = "b[1].a".parse().unwrap();
    let spot_of = |format| spot(format, &path, None);
    let changed = spot_of(Format::Json)
        .replace(json.as_bytes(), DIGEST)
        .unwrap();
    let wanted = json.replace("\\u0078\\\"]", DIGEST);
    assert_eq!(String::from_utf8(changed).unwrap(), wanted);
    let toml = "# c\nx = 1_0\n[[b]] # first\n[[b]]\n'a'   = 'old' # c\n[b.c]\nd.e = 1979-05-27\n";
    let changed = spot_of(Format::Toml)
        .replace(toml.as_bytes(), DIGEST)
        .unwrap();
    let wanted = toml.replace("old", DIGEST);
    assert_eq!(String::from_utf8(changed).unwrap(), wanted);
    let inline = "b = [0, {a = \"old\", z = [1]}] # c";
    let changed = spot_of(Format::Toml)
        .replace(inline.as_bytes(), "o'\u{7}")
        .unwrap();
    assert_eq!(
        String::from_utf8(changed).unwrap(),
        inline.replace("old", "o'\\u0007")
    );
}

#[test]
fn json_and_toml_are_refused_where_yaml_is() {
    let cases = [
        (
            Format::Json,
            "{\"a\": \"x\", \"a\": \"y\"}",
            "is there twice",
        ),
        (Format::Json, "{\"a\": 1}", "is no text but `1`"),
        (Format::Json, "{\"a\": null}", "is no text but `null`"),
        (Format::Json, "{\"b\": 1}", "there is no `a`"),
        (Format::Json, "{\"a\": \"x\",}", "it is no JSON"),
        (Format::Json, "{\"a\": \"\\ud800\"}", "it is no JSON"),
        (Format::Json, "// c\n{\"a\": \"x\"}", "it is no JSON"),
        (Format::Toml, "a = 1", "is no text but `1`"),
        (Format::Toml, "a = \"\"\"x\"\"\"", "over several lines"),
        (Format::Toml, "a = 'x'\na = 'y'", "it is no TOML"),
        (Format::Toml, "a = x", "it is no TOML"),
        (Format::Toml, "[a]\n", "is no text but a map"),
    ];
    let path = "a".parse().unwrap();
    for (format, text, why) in cases {
        let error = spot(format, &path, None).replace(text.as_bytes(), DIGEST);
        let error = error.unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
    for format in [Format::Json, Format::Yaml, Format::Toml] {
        let head = if format == Format::Toml { "a = " } else { "" };
        let text = format!("{head}{}{}", "[".repeat(70), "]".repeat(70));
        assert!(
            spot(format, &path, None).read(text.as_bytes()).is_err(),
            "{format:?}"
        );
    }
}

#[test]
fn a_truth_is_changed_as_a_text_is_and_nothing_else_is_one() {
    let path: Path = "spec.suspend".parse().unwrap();
    let cases = [
        (Format::Yaml, "spec:\n  suspend: false # by people\n"),
        (Format::Yaml, "{spec: {suspend: false}}"),
        (Format::Json, "{ \"spec\" :{\"suspend\":false } }\n"),
        (Format::Toml, "[spec] # c\nsuspend = false # c\n"),
    ];
    for (format, text) in cases {
        let here = spot(format, &path, None);
        assert_eq!(here.scalar(text.as_bytes()), Ok(Scalar::Truth(false)));
        assert!(here.read(text.as_bytes()).is_err(), "{text}");
        assert!(here.replace(text.as_bytes(), "x").is_err(), "{text}");
        let changed = here.set(text.as_bytes(), &Scalar::Truth(true)).unwrap();
        assert_eq!(changed, text.replace("false", "true").as_bytes());
        let back = here.set(&changed, &Scalar::Truth(false)).unwrap();
        assert_eq!(back, text.as_bytes());
        let words = here
            .set(text.as_bytes(), &Scalar::Text("true".to_owned()))
            .unwrap();
        assert_eq!(here.read(&words).unwrap(), "true");
    }
    for word in [
        "False",
        "no",
        "off",
        "0",
        "null",
        "~",
        "!!bool false",
        "&x false",
        "[false]",
    ] {
        let text = format!("spec: {{suspend: {word}}}\n");
        let here = spot(Format::Yaml, &path, None);
        let set = here.set(text.as_bytes(), &Scalar::Truth(true));
        assert!(set.is_err(), "{word}");
    }
}

#[test]
fn texts_that_need_quotes_get_them_or_are_refused() {
    for text in [
        "5", "true", "a: b", "# no", "- x", "it's", "a\nb", "\"", "", "ä ", "[x]", "x:", "~",
    ] {
        for before in [
            "a: old # c\n",
            "a: 'old' # c\n",
            "a: \"old\" # c\n",
            "{a: old}",
        ] {
            let path = "a".parse().unwrap();
            let here = spot(Format::Yaml, &path, None);
            let changed = here.replace(before.as_bytes(), text).unwrap();
            assert_eq!(here.read(&changed).unwrap(), text);
            let comments = |bytes: &[u8]| bytes.ends_with(b" # c\n");
            assert_eq!(comments(before.as_bytes()), comments(&changed));
        }
    }
}

/// Every way to a text in a value, with the JSON pointer to the same.
fn ways(value: &Value, path: &str, pointer: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(_) => found.push((path.to_owned(), pointer.to_owned())),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                ways(
                    item,
                    &format!("{path}[{index}]"),
                    &format!("{pointer}/{index}"),
                    found,
                );
            }
        }
        Value::Object(entries) => {
            for (key, item) in entries {
                let step = Value::from(key.as_str());
                let escaped = key.replace('~', "~0").replace('/', "~1");
                ways(
                    item,
                    &format!("{path}[{step}]"),
                    &format!("{pointer}/{escaped}"),
                    found,
                );
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Edits texts of a file one after the other; how many were edited.
fn edit_all(name: &str, text: &str, format: Format) -> usize {
    let read = |text: &str| match format {
        Format::Yaml => plain::documents(text).ok(),
        Format::Json => serde_json::from_str(text).ok().map(|value| vec![value]),
        Format::Toml => None,
    };
    let before = read(text).unwrap_or_default();
    let mut edited = 0;
    for (index, document) in before.iter().enumerate() {
        let mut found = Vec::new();
        ways(document, "", "", &mut found);
        let stride = found.len() / 25 + 1;
        for (path, pointer) in found
            .into_iter()
            .step_by(stride)
            .filter(|(path, _)| !path.is_empty())
        {
            let path: Path = path.parse().unwrap();
            let here = spot(format, &path, (before.len() > 1).then_some(index));
            let changed = match here.replace(text.as_bytes(), DIGEST) {
                Ok(changed) => String::from_utf8(changed).unwrap(),
                // What is shared, tagged or over several lines stays as it is.
                Err(
                    Error::Block(_)
                    | Error::Repeated(_)
                    | Error::Repeats(_)
                    | Error::Missing(_)
                    | Error::Tagged(..)
                    | Error::Documents(_)
                    | Error::NoString(..),
                ) => continue,
                Err(error) => panic!("{name}: {path}: {error}"),
            };
            let mut wanted = before.clone();
            *wanted[index].pointer_mut(&pointer).unwrap() = DIGEST.into();
            assert_eq!(read(&changed).unwrap(), wanted, "{name}: {path}");
            let head = text
                .bytes()
                .zip(changed.bytes())
                .take_while(|(a, b)| a == b)
                .count();
            let tail = text
                .bytes()
                .rev()
                .zip(changed.bytes().rev())
                .take_while(|(a, b)| a == b);
            let tail = tail.count().min(text.len() - head);
            let gone = &text[head..text.len() - tail];
            let old = document.pointer(&pointer).unwrap().as_str().unwrap();
            assert!(gone.len() <= 3 * old.len() + 8, "{name}: {path}: {gone}");
            edited += 1;
        }
    }
    edited
}

fn files(folder: &File, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn files_of_others_change_in_nothing_else() {
    let folder = File::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/slo");
    let mut found = Vec::new();
    files(&folder, &mut found);
    if found.is_empty() {
        println!("skipped: the vectors are not there");
        return;
    }
    let mut edited = 0;
    for path in &found {
        let name = path.display().to_string();
        if let (Some(format), Ok(text)) = (Format::of(&name), fs::read_to_string(path)) {
            edited += edit_all(&name, &text, format);
        }
    }
    println!("{edited} texts of {} files", found.len());
    assert!(edited > 1_000, "{edited}");
}

/// Numbers that look random and are the same in each run (Knuth's MMIX).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn pick<'a>(&mut self, many: &[&'a str]) -> &'a str {
        many[usize::try_from(self.below(many.len() as u64)).unwrap()]
    }

    /// A block of YAML as people write it, without a line break before it.
    fn block(&mut self, indent: usize, depth: u64) -> String {
        let pad = " ".repeat(indent);
        let mut lines = String::new();
        let is_list = self.below(3) == 0;
        for index in 0..=self.below(4) {
            lines += self.pick(&["", "", "# note: 'x'\n", "\n"]);
            let head = if is_list {
                "-".to_owned()
            } else {
                let key = self.pick(&["key#", "\"k e#\"", "'k#'", "ü.x#"]);
                format!("{}:", key.replace('#', &index.to_string()))
            };
            let value = if depth > 0 && self.below(2) == 0 {
                format!("\n{}", self.block(indent + 2, depth - 1))
            } else {
                let gap = self.pick(&[" ", "   "]);
                let scalar = self.pick(&[
                    "plain text",
                    "'single ''q'''",
                    "\"dou\\tble\"",
                    "{ a: [b, \"c\"], 'd': e}",
                    "[x,  y ,z]",
                    "5",
                    "null",
                    "|\n    lines\n    of text",
                    "two\n    lines",
                    "sha256:0a",
                    "http://x/?a=b#c",
                    "\"two\n    lines\"",
                ]);
                let deep = scalar.replace("\n    ", &format!("\n{}", " ".repeat(indent + 4)));
                let comment = if scalar.contains("|\n") {
                    ""
                } else {
                    self.pick(&["", " # c", "  #"])
                };
                format!("{gap}{deep}{comment}\n")
            };
            lines += &format!("{pad}{head}{value}");
        }
        lines
    }
}

#[test]
fn generated_files_change_in_nothing_else() {
    let mut dice = Dice(7);
    let mut edited = 0;
    for round in 0..300 {
        let text = dice.block(0, 3);
        if let Err(error) = plain::documents(&text) {
            panic!("{round}: {error}\n{text}");
        }
        edited += edit_all(&format!("{round}: {text}"), &text, Format::Yaml);
    }
    assert!(edited > 2_000, "{edited}");
}
