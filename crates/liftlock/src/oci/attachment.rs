//! Sigstore bundles attached to images: manifests that refer to a subject, as
//! cosign 3 writes and finds them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::document::{Descriptor, MANIFEST, Manifest, ParseError};
use crate::bundle::{Bundle, Content, MEDIA_TYPE};
use crate::json;
use crate::time::Time;

/// Bundles of any version begin with this.
const BUNDLES: &str = "application/vnd.dev.sigstore.bundle";

/// Media type of the empty document, and its bytes (OCI image specification).
pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// The empty document.
pub const EMPTY_BYTES: &[u8] = b"{}";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    schema_version: u32,
    media_type: &'a str,
    artifact_type: &'a str,
    config: Descriptor,
    layers: [Descriptor; 1],
    subject: &'a Descriptor,
    annotations: &'a BTreeMap<String, String>,
}

/// The manifest that attaches a bundle to a subject, and the entry under
/// which an index lists it.
///
/// # Errors
///
/// Fails never in practice: all fields can be JSON.
pub fn manifest(
    bundle: &Bundle,
    subject: &Descriptor,
    predicate_type: &str,
    created: Time,
) -> Result<(Vec<u8>, Descriptor), ParseError> {
    let content = match bundle.content() {
        Content::Envelope(_) => "dsse-envelope",
        Content::Message { .. } => "message-signature",
    };
    let annotations = BTreeMap::from(
        [
            ("org.opencontainers.image.created", created.to_string()),
            ("dev.sigstore.bundle.content", content.to_owned()),
            (
                "dev.sigstore.bundle.predicateType",
                predicate_type.to_owned(),
            ),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let subject = Descriptor {
        artifact_type: None,
        annotations: BTreeMap::new(),
        rest: serde_json::Map::new(),
        ..subject.clone()
    };
    let wire = Wire {
        schema_version: 2,
        media_type: MANIFEST,
        artifact_type: MEDIA_TYPE,
        config: Descriptor::of(EMPTY, EMPTY_BYTES),
        layers: [Descriptor::of(MEDIA_TYPE, bundle.bytes())],
        subject: &subject,
        annotations: &annotations,
    };
    let bytes = serde_json::to_vec(&wire).map_err(json::ParseError::from)?;
    let mut entry = Descriptor::of(MANIFEST, &bytes);
    entry.artifact_type = Some(MEDIA_TYPE.to_owned());
    entry.annotations = annotations;
    Ok((bytes, entry))
}

/// Whether an entry of an index says that it attaches a bundle.
#[must_use]
pub fn is_bundle(entry: &Descriptor) -> bool {
    let kind = entry.artifact_type.as_deref().unwrap_or_default();
    kind.starts_with(BUNDLES)
}

/// The one blob of a manifest that holds a bundle.
#[must_use]
pub fn blob(manifest: &Manifest) -> Option<&Descriptor> {
    match manifest.layers.as_slice() {
        [only] if only.media_type.starts_with(BUNDLES) => Some(only),
        [] | [_] | [_, ..] => None,
    }
}
