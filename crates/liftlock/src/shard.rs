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

/// The names that the pieces of `count` subjects have: the name itself where
/// one is enough.
#[must_use]
pub fn names(whole: &str, count: usize) -> Vec<String> {
    if count <= MOST_SUBJECTS {
        return vec![whole.to_owned()];
    }
    let pieces = count.div_ceil(MOST_SUBJECTS);
    (1..=pieces).map(|number| name(whole, number)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_more_is_made_by_one_subject_more() {
        let one = vec!["d.sigstore.json".to_owned()];
        assert_eq!(names("d.sigstore.json", 1), one);
        assert_eq!(names("d.sigstore.json", 1024), one);
        let two = ["d.1.sigstore.json", "d.2.sigstore.json"].map(str::to_owned);
        assert_eq!(names("d.sigstore.json", 1025), two);
        assert_eq!(names("d.sigstore.json", 2048), two);
        assert_eq!(names("d.sigstore.json", 2049).len(), 3);
    }

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
