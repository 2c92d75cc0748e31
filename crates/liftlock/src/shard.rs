//! Statements with many subjects, cut so that every reader takes them, and the
//! names of the pieces.

/// The most subjects of one statement that everybody reads: GitHub's limit for
/// attestations (`actions/attest`, `MAX_SUBJECT_COUNT`).
pub const MOST_SUBJECTS: usize = 1024;

/// The most pieces that belong to one name.
pub const MOST_SHARDS: usize = 1024;

/// What the names of bundles end with.
const END: &str = ".sigstore.json";

/// The name of the piece with this number, from 1: `dist.1.sigstore.json` for
/// `dist.sigstore.json`.
#[must_use]
pub fn name(whole: &str, number: usize) -> String {
    let stem = whole
        .strip_suffix(END)
        .or_else(|| whole.strip_suffix(".json"))
        .unwrap_or(whole);
    format!("{stem}.{number}{END}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_pieces_beside_it() {
        for (whole, piece) in [
            ("out/dist.sigstore.json", "out/dist.2.sigstore.json"),
            ("all.json", "all.2.sigstore.json"),
            ("all", "all.2.sigstore.json"),
        ] {
            assert_eq!(name(whole, 2), piece);
        }
    }
}
