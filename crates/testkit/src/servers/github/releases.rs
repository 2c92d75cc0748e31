//! Releases, their files, and which of them is the latest.

use liftlock::digest::Digest;
use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::state::{ACTIONS_BOT, State, time};
use super::{OWNER, REPOSITORY, render};

/// A release with its files: name and content, or no digest for old ones.
#[derive(Clone, Debug)]
pub(super) struct Release {
    tag: String,
    draft: bool,
    prerelease: bool,
    assets: Vec<(String, Option<Digest>)>,
    created: i64,
}

impl State {
    /// A prerelease of a tag with files: name, and the digest that GitHub
    /// tells, if any.
    pub fn release(&mut self, tag: &str, assets: &[(&str, Option<Digest>)]) -> u64 {
        let id = self.id();
        let assets = assets.iter();
        let release = Release {
            tag: tag.to_owned(),
            draft: false,
            prerelease: true,
            assets: assets
                .map(|(name, digest)| ((*name).to_owned(), *digest))
                .collect(),
            created: self.now,
        };
        self.releases.insert(id, release);
        id
    }

    /// Takes a release away, as somebody with `contents: write` may.
    pub fn unpublish(&mut self, id: u64) {
        self.releases.remove(&id);
        self.latest = self.latest.filter(|latest| *latest != id);
    }

    /// Somebody makes a release the latest in the browser.
    pub fn make_latest(&mut self, id: u64) {
        if let Some(release) = self.releases.get_mut(&id) {
            release.prerelease = false;
            self.latest = Some(id);
        }
    }

    /// The tag of the latest release.
    #[must_use]
    pub fn latest(&self) -> Option<&str> {
        let latest = self.releases.get(&self.latest?)?;
        Some(&latest.tag)
    }
}

/// The newest first, as GitHub lists them.
pub(super) fn list(state: &State, call: &Call) -> Reply {
    let items: Vec<(&u64, &Release)> = state.releases.iter().rev().collect();
    Reply::page(call, &state.base, items, |(id, one)| shown(state, *id, one))
}

pub(super) fn latest(state: &State) -> Reply {
    let found = state
        .latest
        .and_then(|id| Some((id, state.releases.get(&id)?)));
    found.map_or_else(Reply::not_found, |(id, one)| {
        Reply::json(200, shown(state, id, one))
    })
}

pub(super) fn change(state: &mut State, call: &Call, id: &str) -> Reply {
    let id: u64 = id.parse().unwrap_or_default();
    let Some(release) = state.releases.get_mut(&id) else {
        return Reply::not_found();
    };
    let flag = |name: &str, now: bool| match call.body.get(name) {
        None => Some(now),
        Some(value) => value.as_bool(),
    };
    let (draft, prerelease) = (
        flag("draft", release.draft),
        flag("prerelease", release.prerelease),
    );
    let (Some(draft), Some(prerelease)) = (draft, prerelease) else {
        return Reply::problem(422, "Validation Failed");
    };
    // A release is made the latest unless it is said not to be.
    let wanted = call.text("make_latest").unwrap_or("true");
    let is_none = draft || prerelease;
    if !matches!(wanted, "true" | "false" | "legacy")
        || (is_none && call.text("make_latest") == Some("true"))
    {
        return Reply::problem(422, "Validation Failed");
    }
    (release.draft, release.prerelease) = (draft, prerelease);
    if wanted == "true" && !is_none {
        state.latest = Some(id);
    }
    let changed = state.releases.get(&id).map(|one| shown(state, id, one));
    changed.map_or_else(Reply::not_found, |changed| Reply::json(200, changed))
}

fn shown(state: &State, id: u64, release: &Release) -> Value {
    let repository = format!("{}/repos/{OWNER}/{REPOSITORY}", state.base);
    let page = format!("https://github.com/{OWNER}/{REPOSITORY}");
    let url = format!("{repository}/releases/{id}");
    let tag = &release.tag;
    let author = render::user(state, Some(ACTIONS_BOT));
    let created = time(release.created);
    let assets = release
        .assets
        .iter()
        .enumerate()
        .map(|(index, (name, digest))| {
            json!({
                "id": index, "node_id": format!("RA_{index}"), "name": name, "label": null,
                "content_type": "application/octet-stream", "size": 1, "digest": digest,
                "state": "uploaded", "url": format!("{repository}/releases/assets/{index}"),
                "browser_download_url": format!("{page}/releases/download/{tag}/{name}"),
                "download_count": 0, "uploader": author, "created_at": created,
                "updated_at": created,
            })
        });
    json!({
        "id": id, "node_id": format!("RE_{id}"), "url": url, "tag_name": tag,
        "html_url": format!("{page}/releases/tag/{tag}"), "name": tag, "body": "",
        "assets_url": format!("{url}/assets"), "upload_url": format!("{url}/assets"),
        "tarball_url": format!("{repository}/tarball/{tag}"),
        "zipball_url": format!("{repository}/zipball/{tag}"),
        "target_commitish": "main", "draft": release.draft, "prerelease": release.prerelease,
        "created_at": created, "published_at": created, "author": author,
        "assets": assets.collect::<Vec<Value>>(),
    })
}
