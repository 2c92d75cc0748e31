//! Commits with files: what differs between two, and what a file holds.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use liftlock::digest::Digest;
use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::state::{Commit, State};
use super::{OWNER, REPOSITORY, pulls};

/// The most files of one comparison.
const MOST_FILES: usize = 300;

/// The most bytes of a file whose content is shown.
const LARGEST: usize = 1_000_000;

/// A commit with all its files.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    parent: Option<String>,
    files: BTreeMap<String, String>,
}

impl State {
    /// A commit on top of another one, with exactly these files; its name.
    pub fn commit(&mut self, parent: Option<&str>, files: &[(&str, &str)]) -> String {
        let number = self.id();
        let sha: String = Digest::of(format!("commit {number}").as_bytes())
            .hex()
            .chars()
            .take(40)
            .collect();
        let files = files.iter();
        let files = files.map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        let tree = Tree {
            parent: parent.map(str::to_owned),
            files: files.collect(),
        };
        self.trees.insert(sha.clone(), tree);
        sha
    }

    /// A commit and those before it, newest first.
    fn line(&self, sha: &str) -> Vec<String> {
        let mut line = Vec::new();
        let mut next = Some(sha.to_owned());
        while let Some(sha) = next {
            next = self.trees.get(&sha).and_then(|tree| tree.parent.clone());
            line.push(sha);
        }
        line
    }
}

/// `GET …/compare/{base}...{head}`: from where both began to the second.
pub(super) fn compare(state: &State, range: &str) -> Reply {
    let Some((base, head)) = range.split_once("...") else {
        return Reply::not_found();
    };
    if !state.trees.contains_key(base) || !state.trees.contains_key(head) {
        return Reply::not_found();
    }
    let (ours, theirs) = (state.line(base), state.line(head));
    let Some(from) = ours.iter().find(|sha| theirs.contains(sha)) else {
        return Reply::problem(404, "No common ancestor between the two commits.");
    };
    let count = |line: &[String]| line.iter().take_while(|sha| *sha != from).count();
    let (behind, ahead) = (count(&ours), count(&theirs));
    let status = match (ahead, behind) {
        (0, 0) => "identical",
        (_, 0) => "ahead",
        (0, _) => "behind",
        (_, _) => "diverged",
    };
    let url = format!("{}/repos/{OWNER}/{REPOSITORY}/compare/{range}", state.base);
    let page = format!("https://github.com/{OWNER}/{REPOSITORY}/compare/{range}");
    Reply::json(
        200,
        json!({
            "url": url, "html_url": page, "permalink_url": page,
            "diff_url": format!("{page}.diff"), "patch_url": format!("{page}.patch"),
            "base_commit": shown(state, base), "merge_base_commit": shown(state, from),
            "status": status, "ahead_by": ahead, "behind_by": behind, "total_commits": ahead,
            "commits": theirs.iter().take(ahead.min(1)).map(|sha| shown(state, sha)).collect::<Vec<_>>(),
            "files": files(state, from, head),
        }),
    )
}

fn shown(state: &State, sha: &str) -> Value {
    let commit = Commit {
        sha: sha.to_owned(),
        author: None,
        committer: None,
    };
    pulls::commit(state, &commit)
}

/// A file that is gone while another with its content is new has moved.
fn files(state: &State, from: &str, to: &str) -> Vec<Value> {
    let empty = Tree::default();
    let old = &state.trees.get(from).unwrap_or(&empty).files;
    let new = &state.trees.get(to).unwrap_or(&empty).files;
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changed = paths
        .into_iter()
        .filter(|path| old.get(*path) != new.get(*path));
    let gone = |text: &String| {
        let mut gone = old.iter().filter(|(path, _)| !new.contains_key(*path));
        gone.find(|(_, found)| *found == text).map(|(path, _)| path)
    };
    let moved: BTreeSet<&String> = new
        .iter()
        .filter(|(path, _)| !old.contains_key(*path))
        .filter_map(|(_, text)| gone(text))
        .collect();
    let entries = changed.filter(|path| !moved.contains(path)).map(|path| {
        let previous = new
            .get(path)
            .filter(|_| !old.contains_key(path))
            .and_then(gone);
        let status = match (old.contains_key(path), new.contains_key(path), previous) {
            (_, _, Some(_)) => "renamed",
            (true, true, None) => "modified",
            (true, false, None) => "removed",
            (false, _, None) => "added",
        };
        let page = format!("https://github.com/{OWNER}/{REPOSITORY}/blob/{to}");
        let mut entry = json!({
            "sha": to, "filename": path, "status": status, "additions": 1, "deletions": 0,
            "changes": 1, "blob_url": page, "raw_url": page, "contents_url": page,
        });
        if let (Some(entry), Some(previous)) = (entry.as_object_mut(), previous) {
            entry.insert("previous_filename".to_owned(), previous.clone().into());
        }
        entry
    });
    entries.take(MOST_FILES).collect()
}

/// `GET …/contents/{path}?ref={commit}`.
pub(super) fn contents(state: &State, call: &Call, path: &[&str]) -> Reply {
    let path = path.join("/");
    let tree = call.query.get("ref").and_then(|sha| state.trees.get(sha));
    let Some(text) = tree.and_then(|tree| tree.files.get(&path)) else {
        return Reply::not_found();
    };
    let url = format!("{}/repos/{OWNER}/{REPOSITORY}/contents/{path}", state.base);
    let page = format!("https://github.com/{OWNER}/{REPOSITORY}/blob/main/{path}");
    let (encoding, content) = if text.len() > LARGEST {
        ("none", String::new())
    } else {
        ("base64", STANDARD.encode(text))
    };
    Reply::json(
        200,
        json!({
            "type": "file", "encoding": encoding, "size": text.len(), "name": path, "path": path,
            "content": content, "sha": "c".repeat(40), "url": url, "git_url": url,
            "html_url": page, "download_url": page,
            "_links": { "self": url, "git": url, "html": page },
        }),
    )
}
