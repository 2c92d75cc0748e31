//! in-toto Statement v1: what is said about which bytes.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::failure::{Explain, Kind};
use crate::json;

/// The value of `_type` (in-toto attestation framework, Statement layer v1).
pub const TYPE: &str = "https://in-toto.io/Statement/v1";

/// What is read as well: the same fields under the older name, which
/// `cosign attest-blob` still writes in version 3.
const OLDER: &str = "https://in-toto.io/Statement/v0.1";

/// The most subjects of one statement: ten times what GitHub allows.
pub const MOST_SUBJECTS: usize = 10_240;

/// A statement. Field names are those of in-toto, not ours; fields that are
/// not listed are ignored, as in-toto demands of readers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    predicate_type: String,
    #[serde(default)]
    predicate: serde_json::Value,
}

/// What a statement is about. The name is a label; only the digest counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// A label: file name or OCI repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    digest: BTreeMap<String, String>,
}

impl Subject {
    /// A subject by its digest alone.
    #[must_use]
    pub fn new(digest: &Digest) -> Self {
        Self {
            name: None,
            digest: BTreeMap::from([("sha256".to_owned(), digest.hex())]),
        }
    }

    /// A subject with a label.
    #[must_use]
    pub fn named(digest: &Digest, name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..Self::new(digest)
        }
    }

    /// The SHA-256, if there is a well-formed one. Other algorithms don't count.
    #[must_use]
    pub fn sha256(&self) -> Option<Digest> {
        let digits = self.digest.get("sha256")?;
        Digest::from_hex(digits).ok()
    }
}

impl Statement {
    /// Says something about subjects.
    ///
    /// # Errors
    ///
    /// Fails without a subject, with too many of them, and with a predicate
    /// that is not JSON.
    pub fn new<P: Serialize>(
        subject: Vec<Subject>,
        predicate_type: &str,
        predicate: &P,
    ) -> Result<Self, Error> {
        let statement = Self {
            kind: TYPE.to_owned(),
            subject,
            predicate_type: predicate_type.to_owned(),
            predicate: serde_json::to_value(predicate).map_err(Error::Write)?,
        };
        statement.checked()
    }

    /// Reads a statement.
    ///
    /// # Errors
    ///
    /// Fails on malformed JSON, another version, no subject, a subject
    /// without SHA-256, or too many subjects.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        json::parse_open::<Self>(bytes)?.checked()
    }

    /// The same statement under the name of version 0.1, as cosign 2 writes it
    /// for images; both versions have the same fields.
    #[must_use]
    pub fn older(self) -> Self {
        Self {
            kind: OLDER.to_owned(),
            ..self
        }
    }

    fn checked(self) -> Result<Self, Error> {
        if self.kind != TYPE && self.kind != OLDER {
            return Err(Error::Version(self.kind));
        }
        if self.predicate_type.trim().is_empty() {
            return Err(Error::NoPredicateType);
        }
        if self.subject.is_empty() || self.subject.len() > MOST_SUBJECTS {
            return Err(Error::Subjects(self.subject.len()));
        }
        match self.subject.iter().find(|one| one.sha256().is_none()) {
            None => Ok(self),
            Some(one) => Err(Error::NoDigest(one.name.clone().unwrap_or_default())),
        }
    }

    /// The bytes that are signed.
    ///
    /// # Errors
    ///
    /// Fails never in practice: a statement was JSON or came from JSON.
    pub fn bytes(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self).map_err(Error::Write)
    }

    /// The subjects.
    #[must_use]
    pub fn subjects(&self) -> &[Subject] {
        &self.subject
    }

    /// The digests of all subjects, in order.
    pub fn digests(&self) -> impl Iterator<Item = Digest> + '_ {
        self.subject.iter().filter_map(Subject::sha256)
    }

    /// Whether this artifact is a subject.
    #[must_use]
    pub fn is_about(&self, digest: &Digest) -> bool {
        self.digests().any(|one| one == *digest)
    }

    /// What kind of thing is said.
    #[must_use]
    pub fn predicate_type(&self) -> &str {
        &self.predicate_type
    }

    /// What is said.
    #[must_use]
    pub const fn predicate(&self) -> &serde_json::Value {
        &self.predicate
    }

    /// What is said, if it is said with this type.
    ///
    /// # Errors
    ///
    /// Fails on another predicate type and on a predicate of another shape.
    pub fn predicate_as<P: DeserializeOwned>(&self, predicate_type: &str) -> Result<P, Error> {
        if self.predicate_type != predicate_type {
            return Err(Error::Other {
                wanted: predicate_type.to_owned(),
                found: self.predicate_type.clone(),
            });
        }
        P::deserialize(&self.predicate).map_err(|source| Error::Predicate {
            predicate_type: predicate_type.to_owned(),
            source,
        })
    }
}

/// The statement cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Malformed or of another shape.
    #[error("not an in-toto statement")]
    Json(#[from] json::ParseError),
    /// A predicate of ours that is not JSON.
    #[error("cannot write the statement")]
    Write(#[source] serde_json::Error),
    /// Another version of the framework.
    #[error("`_type` is `{0}`, not `{TYPE}`")]
    Version(String),
    /// Nothing says what is said.
    #[error("`predicateType` is empty")]
    NoPredicateType,
    /// None, or too many.
    #[error("{0} subjects, expected 1 to {MOST_SUBJECTS}")]
    Subjects(usize),
    /// A subject that names no bytes.
    #[error("subject `{0}` has no SHA-256 digest of 64 lower-case hex digits")]
    NoDigest(String),
    /// Something else is said.
    #[error("the statement says `{found}`, not `{wanted}`")]
    Other {
        /// The type that was asked for.
        wanted: String,
        /// The type that is there.
        found: String,
    },
    /// The right type, but another shape.
    #[error("the predicate is not a `{predicate_type}`")]
    Predicate {
        /// The type.
        predicate_type: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Write(_) => Kind::Bug,
            Self::Json(_)
            | Self::Version(_)
            | Self::NoPredicateType
            | Self::Subjects(_)
            | Self::NoDigest(_)
            | Self::Other { .. }
            | Self::Predicate { .. } => Kind::Invalid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> serde_json::Value {
        serde_json::json!({
            "_type": TYPE,
            "subject": [{ "name": "a", "digest": { "sha256": Digest::of(b"a").hex() } }],
            "predicateType": "https://example.com/p",
            "predicate": { "good": true },
            "weather": "fine",
        })
    }

    #[test]
    fn a_statement_is_about_its_subjects_and_nothing_else() {
        let read = Statement::parse(document().to_string().as_bytes()).unwrap();
        assert!(read.is_about(&Digest::of(b"a")));
        assert!(!read.is_about(&Digest::of(b"b")));
        let again = Statement::parse(&read.bytes().unwrap()).unwrap();
        assert_eq!(again, read);
        assert!(
            read.predicate_as::<serde_json::Value>("https://example.com/q")
                .is_err()
        );
    }

    #[test]
    fn the_older_form_differs_in_its_name_only() {
        let read = Statement::parse(document().to_string().as_bytes()).unwrap();
        let older = Statement::parse(&read.clone().older().bytes().unwrap()).unwrap();
        assert_ne!(older, read);
        assert_eq!(
            Statement {
                kind: TYPE.to_owned(),
                ..older
            },
            read
        );
    }

    #[test]
    fn what_names_no_bytes_is_no_statement() {
        let sha512 = serde_json::json!([{ "name": "a", "digest": { "sha512": "00" } }]);
        let upper =
            serde_json::json!([{ "digest": { "sha256": Digest::of(b"a").hex().to_uppercase() } }]);
        let cases = [
            ("subject", serde_json::json!([])),
            ("subject", sha512),
            ("subject", upper),
            (
                "_type",
                serde_json::json!("https://in-toto.io/Statement/v2"),
            ),
            ("predicateType", serde_json::json!("")),
            ("predicateType", serde_json::json!(1)),
        ];
        for (field, value) in cases {
            let mut document = document();
            document[field] = value.clone();
            let result = Statement::parse(document.to_string().as_bytes());
            assert!(result.is_err(), "{field}: {value}");
        }
    }

    #[test]
    fn a_field_given_twice_is_refused() {
        let text = document().to_string();
        let twice = text.replacen('{', r#"{"predicateType":"https://example.com/q","#, 1);
        assert!(Statement::parse(twice.as_bytes()).is_err());
    }
}
