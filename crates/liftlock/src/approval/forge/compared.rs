//! Understands what GitHub says about commits: what differs between two, and
//! what a file holds at one.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::github::ParseError;
use crate::json;

/// GitHub lists no more files than these, whatever changed.
pub const MOST_LISTED: usize = 300;

/// How two commits lie to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The second came after the first.
    Ahead,
    /// The second came before the first.
    Behind,
    /// Neither came after the other.
    Diverged,
    /// They are one.
    Identical,
}

/// What `GET …/compare/{first}...{second}` answers: what the second changed
/// since the newest commit that both come after.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Comparison {
    /// How they lie to each other.
    pub status: Status,
    /// The first.
    pub base_commit: Commit,
    /// The newest that both come after.
    pub merge_base_commit: Commit,
    /// The files.
    #[serde(default)]
    pub files: Option<Vec<File>>,
}

/// A commit in short.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Commit {
    /// Its name in hex.
    pub sha: String,
}

/// A file that differs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct File {
    /// Its path.
    pub filename: String,
    /// What became of it.
    pub status: Became,
    /// Where it was before.
    #[serde(default)]
    pub previous_filename: Option<String>,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Became {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Its content is another.
    Modified,
    /// It has another path.
    Renamed,
    /// It is a copy of another one.
    Copied,
    /// Its mode is another.
    Changed,
    /// Nothing that GitHub would tell.
    Unchanged,
}

impl Comparison {
    /// The paths that differ, sorted, each once: of a file that moved both.
    /// Nothing where GitHub does not list all of them.
    #[must_use]
    pub fn paths(&self) -> Option<Vec<String>> {
        let files = self.files.as_ref()?;
        if files.len() >= MOST_LISTED {
            return None;
        }
        let mut paths = BTreeSet::new();
        for file in files {
            if file.status == Became::Renamed {
                paths.insert(file.previous_filename.clone()?);
            }
            paths.insert(file.filename.clone());
        }
        Some(paths.into_iter().collect())
    }
}

/// What `GET …/contents/{path}` says of a file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Contents {
    #[serde(rename = "type")]
    kind: String,
    encoding: String,
    size: usize,
    content: String,
}

/// Reads the body of `GET …/contents/{path}`: the bytes of a file; nothing
/// where GitHub does not show them, as it does above 1 MB.
///
/// # Errors
///
/// Fails on anything but a file, and on content of another length than GitHub
/// says.
pub fn contents(body: &[u8]) -> Result<Option<Vec<u8>>, ParseError> {
    let found: Contents = json::parse(body)?;
    if found.kind != "file" {
        return Err(ParseError::NoFile(found.kind));
    }
    if found.encoding == "none" {
        return Ok(None);
    }
    let text: String = found.content.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(text).ok();
    let whole = bytes.filter(|bytes| found.encoding == "base64" && bytes.len() == found.size);
    whole.map(Some).ok_or(ParseError::Content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(files: &str) -> Result<Comparison, ParseError> {
        let text = format!(
            r#"{{"status":"ahead","base_commit":{{"sha":"a"}},"merge_base_commit":{{"sha":"a"}}{files}}}"#
        );
        super::super::github::parse(text.as_bytes())
    }

    #[test]
    fn a_file_that_moved_changed_both_paths() {
        let files = r#","files":[{"filename":"b","status":"renamed","previous_filename":"z"},
            {"filename":"c","status":"copied","previous_filename":"y"},{"filename":"a","status":"removed"}]"#;
        let paths = comparison(files).unwrap().paths().unwrap();
        assert_eq!(paths, ["a", "b", "c", "z"]);
    }

    #[test]
    fn a_list_that_may_be_cut_off_is_none() {
        assert_eq!(comparison("").unwrap().paths(), None);
        let moved = r#","files":[{"filename":"b","status":"renamed"}]"#;
        assert_eq!(comparison(moved).unwrap().paths(), None);
        let many = |count: usize| {
            let files: Vec<String> = (0..count)
                .map(|number| format!(r#"{{"filename":"{number}","status":"added"}}"#))
                .collect();
            let files = format!(r#","files":[{}]"#, files.join(","));
            comparison(&files).unwrap().paths()
        };
        assert_eq!(many(299).unwrap().len(), 299);
        assert_eq!(many(300), None);
        let unknown = r#","files":[{"filename":"b","status":"teleported"}]"#;
        assert!(comparison(unknown).is_err());
    }

    #[test]
    fn only_a_whole_file_is_content() {
        let body = |kind: &str, encoding: &str, size: usize, content: &str| {
            let text = format!(
                r#"{{"type":"{kind}","encoding":"{encoding}","size":{size},"content":"{content}"}}"#
            );
            contents(text.as_bytes())
        };
        let found = body("file", "base64", 4, "KiBA\\nYQ==\\n").unwrap();
        assert_eq!(found.unwrap(), b"* @a");
        assert_eq!(body("file", "none", 2_000_000, "").unwrap(), None);
        for (kind, encoding, size, content) in [
            ("symlink", "base64", 4, "KiBAYQ=="),
            ("file", "utf-8", 4, "* @a"),
            ("file", "base64", 5, "KiBAYQ=="),
            ("file", "base64", 4, "KiBAYQ"),
        ] {
            assert!(
                body(kind, encoding, size, content).is_err(),
                "{kind} {encoding}"
            );
        }
        assert!(contents(b"[]").is_err());
    }
}
