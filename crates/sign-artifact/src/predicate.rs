//! The names that people type for predicate types.

use liftlock::predicate;

/// What cosign 3 says when it signs an image.
pub(crate) const SIGNED: &str = "https://sigstore.dev/cosign/sign/v1";

/// cosign's names (its `--type`), then ours.
const NAMES: [(&str, &str); 22] = [
    ("slsaprovenance", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance02", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance1", predicate::PROVENANCE),
    ("provenance", predicate::PROVENANCE),
    ("spdx", "https://spdx.dev/Document"),
    ("spdxjson", "https://spdx.dev/Document"),
    ("cyclonedx", "https://cyclonedx.org/bom"),
    ("link", "https://in-toto.io/Link/v1"),
    ("vuln", "https://cosign.sigstore.dev/attestation/vuln/v1"),
    ("openvex", "https://openvex.dev/ns"),
    ("custom", "https://cosign.sigstore.dev/attestation/v1"),
    ("signature", predicate::SIGNATURE),
    (
        "test-result",
        "https://in-toto.io/attestation/test-result/v0.1",
    ),
    ("svr", "https://in-toto.io/attestation/svr/v0.1"),
    ("vsa", "https://slsa.dev/verification_summary/v1"),
    (
        "in-toto-release",
        "https://in-toto.io/attestation/release/v0.1",
    ),
    ("release", predicate::RELEASE),
    ("answer", predicate::ANSWER),
    ("approval", predicate::APPROVAL),
    ("canary", predicate::CANARY),
    ("promotion", predicate::PROMOTION),
    ("rollback", predicate::ROLLBACK),
];

/// The predicate type that a name or URI means.
pub(crate) fn parse(text: &str) -> Result<String, String> {
    if let Some((_, uri)) = NAMES.iter().find(|(name, _)| *name == text) {
        return Ok((*uri).to_owned());
    }
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    if plain
        && text
            .split_once(':')
            .is_some_and(|(scheme, rest)| is_scheme(scheme) && !rest.is_empty())
    {
        return Ok(text.to_owned());
    }
    let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
    Err(format!("expected a URI or one of {}", names.join(", ")))
}

fn is_scheme(text: &str) -> bool {
    let starts = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic());
    starts
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_no_type() {
        assert_eq!(parse("openvex").unwrap(), "https://openvex.dev/ns");
        assert_eq!(parse("urn:x:y").unwrap(), "urn:x:y");
        for text in ["", "openvx", "a b:c", ":x", "https:"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
