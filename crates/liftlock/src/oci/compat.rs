//! Which verifiers of images take which format, key mode: a table with sources.

use serde::Serialize;

/// How a signature or attestation is attached to an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// A Sigstore bundle as a referrer, as cosign 3 writes it.
    #[default]
    V3,
    /// A layer under the tag `sha256-<hex>.sig` or `.att`, as cosign 2 writes it.
    V2,
    /// Both.
    Both,
}

impl Format {
    /// Whether bundles are written.
    #[must_use]
    pub const fn bundles(self) -> bool {
        matches!(self, Self::V3 | Self::Both)
    }

    /// Whether layers under a tag are written.
    #[must_use]
    pub const fn layers(self) -> bool {
        matches!(self, Self::V2 | Self::Both)
    }
}

/// Whether a verifier takes a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "accepts", content = "detail")]
pub enum Answer {
    /// As it comes.
    Yes,
    /// With this setting of its own.
    With(&'static str),
    /// Not at all, for this reason.
    No(&'static str),
    /// It is reported both ways, or not at all.
    Unclear(&'static str),
}

/// A verifier and what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Verifier {
    /// Its name and versions.
    pub name: &'static str,
    v3: Answer,
    v2: Answer,
    /// Where that is known from: `tested` is a test of ours, else an issue.
    pub source: &'static str,
}

/// All that we know of; a line a verifier.
pub const VERIFIERS: [Verifier; 8] = [
    Verifier {
        name: "cosign 3",
        v3: Answer::Yes,
        v2: Answer::Yes,
        source: "tested with 3.1.2",
    },
    Verifier {
        name: "cosign 2.6",
        v3: Answer::With("--new-bundle-format --trusted-root FILE"),
        v2: Answer::Yes,
        source: "run with 2.6.4; nuts-foundation/nuts-node#4555",
    },
    Verifier {
        name: "cosign 2.0 to 2.5",
        v3: Answer::No("reads the tag `.sig` only"),
        v2: Answer::Yes,
        source: "sigstore/cosign specs/SIGNATURE_SPEC.md",
    },
    Verifier {
        name: "policy-controller 0.13 and later",
        v3: Answer::Unclear("`signatureFormat: bundle`; with a key it is reported to fail"),
        v2: Answer::Yes,
        source: "sigstore/policy-controller#1725, #1899, #1958",
    },
    Verifier {
        name: "Kyverno 1.13 and later",
        v3: Answer::Unclear("`type: SigstoreBundle`; keys are reported to be ignored"),
        v2: Answer::With("type: Cosign"),
        source: "kyverno/kyverno#10567, #14233, #16267, #17363",
    },
    Verifier {
        name: "Kyverno before 1.13",
        v3: Answer::No("reads the tag `.sig` only"),
        v2: Answer::Yes,
        source: "kyverno/kyverno#10567",
    },
    Verifier {
        name: "@sigstore/verify 3 and 4",
        v3: Answer::Yes,
        v2: Answer::No("reads bundles only"),
        source: "run with 3.1.1 and 4.1.3; a statement logged as `hashedrekord` needs 4.1",
    },
    Verifier {
        name: "sigstore-python 4",
        v3: Answer::No("has no key mode"),
        v2: Answer::No("reads bundles only"),
        source: "run with 4.5.1",
    },
];

impl Verifier {
    /// Whether it takes what is written in this format; of both, the easier.
    #[must_use]
    pub const fn answer(&self, format: Format) -> Answer {
        match (format, self.v3, self.v2) {
            (Format::V3, v3, _) => v3,
            (Format::V2, _, v2) => v2,
            (Format::Both, Answer::Yes, _) | (Format::Both, _, Answer::Yes) => Answer::Yes,
            (Format::Both, Answer::With(how), _) | (Format::Both, _, Answer::With(how)) => {
                Answer::With(how)
            }
            (Format::Both, Answer::Unclear(why), _) | (Format::Both, _, Answer::Unclear(why)) => {
                Answer::Unclear(why)
            }
            (Format::Both, Answer::No(why), Answer::No(_)) => Answer::No(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(name: &str, format: Format) -> Answer {
        let mut verifiers = VERIFIERS.iter();
        let found = verifiers.find(|verifier| verifier.name.starts_with(name));
        found.unwrap().answer(format)
    }

    #[test]
    fn both_formats_reach_whoever_reads_one_of_them() {
        assert_eq!(answer("cosign 3", Format::V2), Answer::Yes);
        assert!(matches!(answer("cosign 2.0", Format::V3), Answer::No(_)));
        assert_eq!(answer("cosign 2.0", Format::Both), Answer::Yes);
        assert_eq!(
            answer("Kyverno 1.13", Format::Both),
            Answer::With("type: Cosign")
        );
        assert!(matches!(
            answer("sigstore-python", Format::Both),
            Answer::No(_)
        ));
    }

    #[test]
    fn every_line_has_a_source_and_a_name_of_its_own() {
        let mut names: Vec<&str> = VERIFIERS.iter().map(|verifier| verifier.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), VERIFIERS.len());
        assert!(VERIFIERS.iter().all(|verifier| !verifier.source.is_empty()));
    }
}
