//! What a bundle has to say to count.

use std::fmt;

use liftlock::predicate::{self, SIGNATURE};

use crate::predicate::SIGNED;
use crate::proof::Unproved;
use crate::target::Place;

/// What a bundle has to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    /// A signature of the bytes, alone or as a statement that says no more.
    Signature,
    /// A statement of this type.
    Type(&'a str),
    /// A signature, or the word of whoever built the bytes: provenance.
    Built,
    /// As `Signature`, made for an image: its manifest may lie around as a
    /// file, and files are signed by the folder.
    ImageSignature,
    /// As `Built`, made for an image.
    ImageBuilt,
    /// A bill of materials.
    Sbom,
    /// Provenance.
    Provenance,
}

impl Wanted<'_> {
    /// The same of what is at this place.
    pub(crate) const fn at(self, place: &Place) -> Self {
        match place {
            Place::Image { .. } => self.of_image(),
            Place::File(_) | Place::Digest => self,
        }
    }

    /// The same of an image.
    pub(crate) const fn of_image(self) -> Self {
        match self {
            Self::Signature => Self::ImageSignature,
            Self::Built => Self::ImageBuilt,
            Self::ImageSignature
            | Self::ImageBuilt
            | Self::Type(_)
            | Self::Sbom
            | Self::Provenance => self,
        }
    }

    /// Whether a signature without a statement will do.
    pub(crate) const fn takes_message(self) -> bool {
        match self {
            Self::Signature | Self::Built => true,
            Self::ImageSignature
            | Self::ImageBuilt
            | Self::Type(_)
            | Self::Sbom
            | Self::Provenance => false,
        }
    }

    /// Whether cosign 2's signature of an image will do.
    pub(crate) const fn takes_payload(self) -> bool {
        match self {
            Self::Signature | Self::Built | Self::ImageSignature | Self::ImageBuilt => true,
            Self::Type(_) | Self::Sbom | Self::Provenance => false,
        }
    }

    /// Whether a statement of this type will do.
    pub(crate) fn takes(self, uri: &str) -> bool {
        let signed = uri == SIGNED || uri == SIGNATURE;
        match self {
            Self::Signature => signed,
            Self::Type(wanted) => uri == wanted,
            Self::Built => signed || predicate::is_provenance(uri),
            Self::ImageSignature => uri == SIGNED,
            Self::ImageBuilt => uri == SIGNED || predicate::is_provenance(uri),
            Self::Sbom => predicate::is_sbom(uri),
            Self::Provenance => predicate::is_provenance(uri),
        }
    }

    /// Insists that it will do.
    pub(crate) fn check(self, uri: &str) -> Result<(), Unproved> {
        if self.takes(uri) {
            return Ok(());
        }
        Err(Unproved::Refused(match self {
            Self::Type(wanted) => format!("the statement says `{uri}`, not `{wanted}`"),
            Self::Signature
            | Self::Built
            | Self::ImageSignature
            | Self::ImageBuilt
            | Self::Sbom
            | Self::Provenance => {
                format!("the statement says `{uri}`, which is no {self}")
            }
        }))
    }
}

impl fmt::Display for Wanted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Signature => "signature",
            Self::Type(uri) => uri,
            Self::Built => "signature or provenance",
            Self::ImageSignature => "signature of an image",
            Self::ImageBuilt => "signature of an image or provenance",
            Self::Sbom => "SBOM",
            Self::Provenance => "provenance",
        })
    }
}
