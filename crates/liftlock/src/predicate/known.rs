//! What well-known predicates have to say: their required fields, checked
//! before anyone signs them. Other fields are let through, as in-toto has it.

use serde_json::Value;

use super::PROVENANCE;
use super::shape::Need::{Filled, Optional, Required};
use super::shape::{Field, Flaw, Shape};

const SPDX: &str = "https://spdx.dev/Document";
const CYCLONEDX: &str = "https://cyclonedx.org/bom";

/// SPDX 3 is another document under the same type: JSON-LD
/// (<https://spdx.github.io/spdx-spec/v3.0.1/serializations/>).
const SPDX_3: &[Field] = &[
    Field(
        "@context",
        Required,
        Shape::Begins("https://spdx.org/rdf/3."),
    ),
    Field("@graph[]", Filled, Shape::Object),
];

const SHAPES: &[(&str, &[Field])] = &[
    // https://slsa.dev/spec/v1.1/provenance
    (
        PROVENANCE,
        &[
            Field("buildDefinition.buildType", Required, Shape::Uri),
            Field(
                "buildDefinition.externalParameters",
                Required,
                Shape::Object,
            ),
            Field(
                "buildDefinition.internalParameters",
                Optional,
                Shape::Object,
            ),
            Field(
                "buildDefinition.resolvedDependencies[]",
                Optional,
                Shape::Object,
            ),
            Field("runDetails.builder.id", Required, Shape::Uri),
            Field("runDetails.metadata.invocationId", Optional, Shape::Text),
            Field("runDetails.metadata.startedOn", Optional, Shape::Time),
            Field("runDetails.metadata.finishedOn", Optional, Shape::Time),
            Field("runDetails.byproducts[]", Optional, Shape::Object),
        ],
    ),
    // https://slsa.dev/spec/v0.2/provenance
    (
        "https://slsa.dev/provenance/v0.2",
        &[
            Field("builder.id", Required, Shape::Uri),
            Field("buildType", Required, Shape::Uri),
            Field("invocation", Optional, Shape::Object),
            Field("buildConfig", Optional, Shape::Object),
            Field("metadata.buildStartedOn", Optional, Shape::Time),
            Field("metadata.buildFinishedOn", Optional, Shape::Time),
            Field("materials[].uri", Optional, Shape::Text),
        ],
    ),
    // https://slsa.dev/spec/v1.1/verification_summary
    (
        "https://slsa.dev/verification_summary/v1",
        &[
            Field("verifier.id", Required, Shape::Uri),
            Field("timeVerified", Required, Shape::Time),
            Field("resourceUri", Required, Shape::Text),
            Field("policy.uri", Required, Shape::Text),
            Field("inputAttestations[].digest", Optional, Shape::Object),
            Field(
                "verificationResult",
                Required,
                Shape::OneOf(&["PASSED", "FAILED"]),
            ),
            Field("verifiedLevels[]", Filled, Shape::Text),
        ],
    ),
    // https://spdx.github.io/spdx-spec/v2.3/document-creation-information
    (
        SPDX,
        &[
            Field("spdxVersion", Required, Shape::Begins("SPDX-2.")),
            Field("dataLicense", Required, Shape::Text),
            Field("SPDXID", Required, Shape::OneOf(&["SPDXRef-DOCUMENT"])),
            Field("name", Required, Shape::Text),
            Field("documentNamespace", Required, Shape::Uri),
            Field("creationInfo.created", Required, Shape::Time),
            Field("creationInfo.creators[]", Filled, Shape::Text),
            Field("packages[].SPDXID", Optional, Shape::Text),
            Field("packages[].name", Optional, Shape::Text),
        ],
    ),
    // https://cyclonedx.org/docs/1.6/json: `bomFormat` and `specVersion`.
    (
        CYCLONEDX,
        &[
            Field("bomFormat", Required, Shape::OneOf(&["CycloneDX"])),
            Field("specVersion", Required, Shape::Begins("1.")),
            Field("version", Optional, Shape::Whole),
            Field("components[].type", Optional, Shape::Text),
            Field("components[].name", Optional, Shape::Text),
        ],
    ),
    // https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md
    (
        "https://openvex.dev/ns",
        &[
            Field(
                "@context",
                Required,
                Shape::Begins("https://openvex.dev/ns"),
            ),
            Field("@id", Required, Shape::Uri),
            Field("author", Required, Shape::Text),
            Field("timestamp", Required, Shape::Time),
            Field("version", Required, Shape::Whole),
            Field("statements[].vulnerability", Required, Shape::Object),
            Field(
                "statements[].status",
                Required,
                Shape::OneOf(&["not_affected", "affected", "fixed", "under_investigation"]),
            ),
        ],
    ),
    // cosign, specs/COSIGN_VULN_ATTESTATION_SPEC.md, with the names that cosign
    // itself writes (`scanner`, `scanStartedOn`), not those of its prose.
    (
        "https://cosign.sigstore.dev/attestation/vuln/v1",
        &[
            Field("invocation", Optional, Shape::Object),
            Field("scanner.uri", Optional, Shape::Text),
            Field("scanner.version", Optional, Shape::Text),
            Field("scanner.result", Required, Shape::Object),
            Field("metadata.scanStartedOn", Required, Shape::Time),
            Field("metadata.scanFinishedOn", Required, Shape::Time),
        ],
    ),
    // in-toto/attestation, spec/predicates/test-result.md
    (
        "https://in-toto.io/attestation/test-result/v0.1",
        &[
            Field(
                "result",
                Required,
                Shape::OneOf(&["PASSED", "WARNED", "FAILED"]),
            ),
            Field("configuration[]", Required, Shape::Object),
            Field("url", Optional, Shape::Text),
            Field("passedTests[]", Optional, Shape::Text),
            Field("warnedTests[]", Optional, Shape::Text),
            Field("failedTests[]", Optional, Shape::Text),
        ],
    ),
    // in-toto/attestation, spec/predicates/svr.md
    (
        "https://in-toto.io/attestation/svr/v0.1",
        &[
            Field("verifier.id", Required, Shape::Uri),
            Field("timeCreated", Required, Shape::Time),
            Field("properties[]", Required, Shape::Text),
        ],
    ),
    // in-toto/attestation, spec/predicates/release.md
    (
        "https://in-toto.io/attestation/release/v0.1",
        &[
            Field("purl", Required, Shape::Begins("pkg:")),
            Field("packageId", Optional, Shape::Text),
        ],
    ),
    (
        "https://in-toto.io/attestation/release/v0.2",
        &[
            Field("purl", Required, Shape::Begins("pkg:")),
            Field("packageId", Optional, Shape::Text),
        ],
    ),
];

/// Checks a predicate before it is signed. Of a type that is not known here it
/// is only asked to be an object.
///
/// # Errors
///
/// Fails with the path of the first field that is absent or of another kind.
pub fn check(uri: &str, predicate: &Value) -> Result<(), Flaw> {
    if !predicate.is_object() {
        return Err(Flaw::new("", "an object", predicate));
    }
    let family = [SPDX, CYCLONEDX]
        .into_iter()
        .find(|family| belongs(uri, family));
    let known = SHAPES
        .iter()
        .find(|(known, _)| *known == family.unwrap_or(uri));
    let fields = match known {
        Some((SPDX, _)) if predicate.get("@graph").is_some() => SPDX_3,
        Some((_, fields)) => fields,
        None => &[],
    };
    fields.iter().try_for_each(|field| field.check(predicate))
}

/// Whether a predicate type is a bill of materials.
#[must_use]
pub fn is_sbom(uri: &str) -> bool {
    [SPDX, CYCLONEDX].iter().any(|family| belongs(uri, family))
}

/// The type itself, or with a version of the document behind it, as GitHub
/// writes it: `https://spdx.dev/Document/v2.3`.
fn belongs(uri: &str, family: &str) -> bool {
    uri.strip_prefix(family)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("/v"))
}

/// Whether a predicate type says how something was built.
#[must_use]
pub fn is_provenance(uri: &str) -> bool {
    uri == PROVENANCE || uri == "https://slsa.dev/provenance/v0.2"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A good predicate of each known type.
    fn samples() -> Vec<(&'static str, Value)> {
        let when = "2026-11-25T12:00:00Z";
        vec![
            (
                PROVENANCE,
                json!({
                    "buildDefinition": { "buildType": "https://x/y/v1", "externalParameters": {},
                        "resolvedDependencies": [{ "uri": "git+https://x/y" }] },
                    "runDetails": { "builder": { "id": "https://x/b" }, "metadata": { "startedOn": when } },
                }),
            ),
            (
                "https://slsa.dev/provenance/v0.2",
                json!({ "builder": { "id": "https://x/b" }, "buildType": "https://x/y",
                        "materials": [{ "uri": "git+https://x/y" }] }),
            ),
            (
                "https://slsa.dev/verification_summary/v1",
                json!({ "verifier": { "id": "https://x/v" }, "timeVerified": when,
                        "resourceUri": "pkg:x/y", "policy": { "uri": "https://x/p" },
                        "verificationResult": "PASSED", "verifiedLevels": ["SLSA_BUILD_LEVEL_3"] }),
            ),
        ]
    }

    /// The rest of them, which scanners and testers write.
    fn reports() -> Vec<(&'static str, Value)> {
        let when = "2026-11-25T12:00:00Z";
        vec![
            (
                "https://spdx.dev/Document",
                json!({ "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
                        "name": "shop", "documentNamespace": "https://x/shop",
                        "creationInfo": { "created": when, "creators": ["Tool: t"] },
                        "packages": [{ "SPDXID": "SPDXRef-a", "name": "a" }] }),
            ),
            (
                "https://cyclonedx.org/bom",
                json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
                        "components": [{ "type": "library", "name": "a" }] }),
            ),
            (
                "https://openvex.dev/ns",
                json!({ "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://x/vex", "author": "a",
                        "timestamp": when, "version": 1,
                        "statements": [{ "vulnerability": { "name": "CVE-1" }, "status": "fixed" }] }),
            ),
            (
                "https://cosign.sigstore.dev/attestation/vuln/v1",
                json!({ "invocation": {}, "scanner": { "uri": "pkg:t", "result": {} },
                        "metadata": { "scanStartedOn": when, "scanFinishedOn": when } }),
            ),
            (
                "https://in-toto.io/attestation/test-result/v0.1",
                json!({ "result": "PASSED", "configuration": [{ "name": "ci.yml" }], "passedTests": ["a"] }),
            ),
            (
                "https://in-toto.io/attestation/svr/v0.1",
                json!({ "verifier": { "id": "https://x/v" }, "timeCreated": when, "properties": ["P"] }),
            ),
            (
                "https://in-toto.io/attestation/release/v0.1",
                json!({ "purl": "pkg:npm/a@1" }),
            ),
            (
                "https://in-toto.io/attestation/release/v0.2",
                json!({ "purl": "pkg:npm/a@1", "packageId": "1" }),
            ),
        ]
    }

    /// Removes the field at a path; of a list, the list.
    fn without(mut whole: Value, path: &str) -> Value {
        let path = path.trim_end_matches("[]").replace("[]", ".0");
        let (parent, name) = path.rsplit_once('.').unwrap_or(("", &path));
        let pointer = if parent.is_empty() {
            String::new()
        } else {
            format!("/{}", parent.replace('.', "/"))
        };
        whole
            .pointer_mut(&pointer)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove(name)
            .unwrap();
        whole
    }

    #[test]
    fn every_known_type_takes_its_sample_and_misses_each_required_field() {
        let samples = [samples(), reports()].concat();
        for (uri, fields) in SHAPES {
            let (_, good) = samples.iter().find(|(known, _)| known == uri).unwrap();
            assert_eq!(check(uri, good), Ok(()), "{uri}");
            for Field(path, need, _) in *fields {
                if matches!(need, Optional) {
                    continue;
                }
                let flaw = check(uri, &without(good.clone(), path)).unwrap_err();
                let told = flaw.to_string();
                let shown = path.trim_end_matches("[]").replace("[]", "[0]");
                assert!(
                    told.contains(&format!("`{shown}`")) && told.contains("absent"),
                    "{uri} {path}: {told}"
                );
            }
        }
        assert_eq!(samples.len(), SHAPES.len());
    }

    /// Type, pointer, another value, and what is said about it.
    fn wrong() -> Vec<(&'static str, &'static str, Value, &'static str)> {
        let vex = "https://openvex.dev/ns";
        let tests = "https://in-toto.io/attestation/test-result/v0.1";
        vec![
            (
                PROVENANCE,
                "/buildDefinition/buildType",
                json!("make"),
                "`buildDefinition.buildType` is",
            ),
            (
                PROVENANCE,
                "/buildDefinition",
                json!([1]),
                "`buildDefinition` is a list",
            ),
            (
                PROVENANCE,
                "/buildDefinition/resolvedDependencies/0",
                json!(1),
                "`buildDefinition.resolvedDependencies[0]` is a number",
            ),
            (
                PROVENANCE,
                "/runDetails/metadata/startedOn",
                json!("yesterday"),
                "`runDetails.metadata.startedOn` is",
            ),
            (
                SPDX,
                "/spdxVersion",
                json!("SPDX-1.0"),
                "`spdxVersion` is `SPDX-1.0`",
            ),
            (
                SPDX,
                "/packages/0/name",
                json!(null),
                "`packages[0].name` is null",
            ),
            (
                SPDX,
                "/creationInfo/creators",
                json!([]),
                "`creationInfo.creators` is an empty list",
            ),
            (
                vex,
                "/statements/0/status",
                json!("fine"),
                "`statements[0].status` is `fine`",
            ),
            (vex, "/version", json!(1.5), "`version` is a number"),
            (tests, "/result", json!("OK"), "`result` is `OK`"),
            (
                tests,
                "/passedTests/0",
                json!({}),
                "`passedTests[0]` is an object",
            ),
        ]
    }

    #[test]
    fn a_field_of_another_kind_is_named_with_its_path() {
        for (uri, pointer, value, message) in wrong() {
            let all = [samples(), reports()].concat();
            let (_, mut predicate) = all.into_iter().find(|(known, _)| *known == uri).unwrap();
            *predicate.pointer_mut(pointer).unwrap() = value;
            let told = check(uri, &predicate).unwrap_err().to_string();
            assert!(told.starts_with(message), "{pointer}: {told}");
        }
    }

    #[test]
    fn an_unknown_type_has_to_be_an_object_and_families_have_versions() {
        assert_eq!(check("https://example.com/p", &json!({ "n": 1 })), Ok(()));
        for other in [json!([]), json!("x"), json!(null)] {
            let told = check("https://example.com/p", &other)
                .unwrap_err()
                .to_string();
            assert!(told.starts_with("the predicate is"), "{told}");
        }
        let graph =
            json!({ "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [{}] });
        assert_eq!(check(SPDX, &graph), Ok(()));
        assert!(check("https://spdx.dev/Document/v2.3", &json!({})).is_err());
        assert!(is_sbom("https://spdx.dev/Document/v2.3") && !is_sbom("https://spdx.dev/Doc"));
        assert!(is_provenance(PROVENANCE) && !is_provenance("https://slsa.dev/provenance/v3"));
    }
}
