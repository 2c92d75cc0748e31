//! What people are told of wrong files: the place, and what is expected there,
//! and nothing about the program that reads them.

use super::parse;
use crate::failure::{Failure, Kind};
use crate::release::Identified;

/// Words of libraries and of Rust, of which people know nothing.
const FOREIGN: [&str; 16] = [
    "u32",
    "u64",
    "usize",
    "f64",
    "struct ",
    "enum",
    "variant",
    "Option",
    "Policy in",
    "serde",
    "scalar",
    "sequence",
    "mapping",
    "deserialize",
    "null",
    "floating point",
];

fn check(told: &str, expected: &str, text: &str) {
    assert_eq!(told, expected, "{text}");
    for word in FOREIGN {
        assert!(!told.contains(word), "{word}: {told}");
    }
}

/// Rules, and what is told of them.
const RULES: [(&str, &str); 28] = [
    (
        "version: 1\nservice: a\nservice: b\n",
        "line 3, column 1: the key `service` is there twice: keep one of the two",
    ),
    (
        "version: one\n",
        "line 1, column 10: expected a whole number from 0 on, found `one`",
    ),
    (
        "version: -1\n",
        "line 1, column 10: expected a whole number from 0 on, found `-1`",
    ),
    (
        "version: [1]\n",
        "line 1, column 10: expected a whole number from 0 on, found a list",
    ),
    (
        "version: 1\nenvironments: { p: { min-requests: many } }\n",
        "line 2, column 36: expected a whole number from 0 on, found `many`",
    ),
    (
        "version: 1\nenvironments: { p: { min-requests: 1.5 } }\n",
        "line 2, column 36: expected a whole number from 0 on, found `1.5`",
    ),
    (
        "version: 1\nallow: { observe: maybe }\n",
        "line 2, column 19: expected true or false, found `maybe`",
    ),
    (
        "version: 1\nenvironments: { p: { bake: soon } }\n",
        "line 2, column 28: `soon` is not a length of time: expected a number with `ms`, `s`, `m`, `h` or `d`, such as 15m, a year at the most",
    ),
    (
        "version: 1\nenvironments: { p: { slo: { margin: wide } } }\n",
        "line 2, column 37: expected a number, found `wide`",
    ),
    (
        "version: 1\nenvironments: [p]\n",
        "line 2, column 15: expected keys with values, found a list",
    ),
    (
        "version: 1\nenvironments:\n  p:\n    steps: 5%\n",
        "line 4, column 12: expected a list, found `5%`",
    ),
    (
        "version: 1\nenvironments: { p: { lok: 1s } }\n",
        "line 2, column 22: unknown key `lok`; did you mean `look`?",
    ),
    (
        "version: 1\nallow: { everything: true }\n",
        "line 2, column 10: unknown key `everything`: expected one of observe, adopt, break-glass",
    ),
    (
        "version: 1\nenvironments: { p: { on-blind: wiat } }\n",
        "line 2, column 32: unknown word `wiat`; did you mean `wait`?",
    ),
    (
        "version: 1\nenvironments: { p: { on-blind: [wait] } }\n",
        "line 2, column 32: expected one of the known words, found a list",
    ),
    (
        "version: 1\nenvironments: { p: { requires: [{ canary@s: { max-agee: 1h } }] } }\n",
        "line 2, column 33: expected a demand, such as `approval` or `{ canary@staging: { max-age: 24h } }`",
    ),
    (
        "version: 1\ntrust: [{ name: ci, roles: [bilder], keys: [] }]\n",
        "line 2, column 29: unknown word `bilder`; did you mean `builder`?",
    ),
    (
        "version: 1\ntrust: [{ roles: [builder] }]\n",
        "line 2, column 9: the key `name` is missing",
    ),
    (
        "version: 1\nservice: Shop Front\n",
        "line 2, column 10: `Shop Front` is not a name: expected 1 to 63 of `a-z 0-9 - _ .`, beginning and ending with a letter or digit",
    ),
    (
        "version: 1\nservice:\n  a: b\n",
        "line 3, column 3: expected a text, found keys with values",
    ),
    (
        "version: 1\nservice: [a\n",
        "line 2, column 10: unclosed bracket '['",
    ),
    (
        "version: 1\n  service: a\n",
        "line 2, column 10: the indentation does not fit the lines above, or a value with `: ` in it has no quotes",
    ),
    (
        "version: 1\nservice: 'a\n",
        "line 2, column 10: unclosed quote",
    ),
    (
        "version: 1\n\tservice: a\n",
        "line 1, column 10: there is a tab: indent with spaces",
    ),
    (
        "version: 1\nservice: *name\n",
        "line 2, column 10: the alias names no anchor of this file",
    ),
    (
        "version: 1\n---\nversion: 1\n",
        "line 3, column 1: expected one document: remove what follows `---`",
    ),
    (
        "just words\n",
        "line 1, column 1: expected keys with values, found `just words`",
    ),
    ("", "`version` is missing: write `version: 1`"),
];

#[test]
fn wrong_rules_are_told_with_the_place_and_what_is_expected() {
    for (text, expected) in RULES {
        check(&parse(text, None).unwrap_err().to_string(), expected, text);
    }
}

const RELEASE: &str = r#"{"schema_version": 1, "id": "shop-1", "service": "shop", "version": "1",
"artifacts": {"api": {"digest": "sha256:0000000000000000000000000000000000000000000000000000000000000000", "name": "api"}},
"owner": "o", "migration": "none", "created_at": "2026-01-01T00:00:00Z"}"#;

#[test]
fn wrong_metadata_is_told_with_the_place_and_what_is_expected() {
    Identified::parse(RELEASE.as_bytes()).unwrap();
    let cases = [
        (
            r#""schema_version": 1"#,
            r#""schema_version": "one""#,
            "expected a whole number from 0 on, found the text `one` at line 1 column 24",
        ),
        (
            r#""id": "shop-1", "#,
            "",
            "the key `id` is missing at line 3 column 72",
        ),
        (
            r#""id": "shop-1""#,
            r#""id": 7"#,
            "expected a text, found the number 7 at line 1 column 29",
        ),
        (
            r#""id": "shop-1""#,
            r#""id": "a", "id": "b""#,
            "the key `id` is there twice: keep one of the two at line 1 column 37",
        ),
        (
            r#""service": "shop""#,
            r#""service": ["shop"]"#,
            "expected a text, found a list at line 1 column 49",
        ),
        (
            r#""none""#,
            r#""never""#,
            "unknown word `never`: expected one of none, expand, contract, irreversible at line 3 column 34",
        ),
        (
            "sha256:00",
            "sha256:zz",
            "`sha256:zz00000000000000000000000000000000000000000000000000000000000000` is not a digest: expected `sha256:` and 64 lower-case hex digits at line 2 column 105",
        ),
        (
            "2026-01-01T00:00:00Z",
            "noon",
            "`noon` is not a moment: expected RFC 3339 such as 2026-11-23T12:00:00Z at line 3 column 56",
        ),
        (
            r#""owner": "o""#,
            r#""owner": null"#,
            "expected a text, found nothing at line 3 column 13",
        ),
        (
            r#""owner": "o","#,
            r#""owner": "o""#,
            "expected `,` or `}` at line 3 column 14",
        ),
    ];
    for (words, others, expected) in cases {
        let text = RELEASE.replacen(words, others, 1);
        let error = Identified::parse(text.as_bytes()).unwrap_err();
        let failure = Failure::because(Kind::Invalid, "cannot understand it", error);
        check(failure.lines().last().unwrap(), expected, others);
    }
}
