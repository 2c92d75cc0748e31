//! A registry in memory that behaves as some registries do and others should
//! not: what a real one can't be told to do.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use liftlock::digest::Digest;
use serde_json::{Value, json};

use crate::http::{self, Answer, Ending, Request, Server};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// What is odd about a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quirk {
    /// It lists referrers itself; without this one it has no such list.
    Referrers,
    /// It says `OCI-Subject` and keeps no list (Amazon ECR).
    ClaimsReferrers,
    /// It answers an empty list of referrers, whatever refers.
    ForgetsReferrers,
    /// It answers 403 for what is absent (Artifactory).
    HidesAbsentTags,
    /// It does not list tags.
    ListsNoTags,
    /// It breaks off in the middle of every blob.
    DropsBlobs,
    /// It breaks off when a blob is written.
    DropsUploads,
    /// It sends a page for people in place of a blob.
    SendsPages,
    /// It loses the first writing of each list under a tag `sha256-…`, as a
    /// slower writer's does.
    UndoesLists,
    /// It moves the tag `v1` as soon as anything is attached.
    MovesTag,
}

/// A running registry with one repository, `shop`.
#[derive(Debug)]
pub struct Toy {
    server: Server,
}

#[derive(Default)]
struct State {
    quirks: BTreeSet<Quirk>,
    blobs: BTreeMap<String, Vec<u8>>,
    /// By digest: media type and bytes.
    manifests: BTreeMap<String, (String, Vec<u8>)>,
    tags: BTreeMap<String, String>,
    undone: BTreeSet<String>,
}

impl Toy {
    /// Starts it with these quirks.
    ///
    /// # Errors
    ///
    /// Fails when there is no free port.
    pub fn start(quirks: &[Quirk]) -> Result<Self> {
        let mut state = State {
            quirks: quirks.iter().copied().collect(),
            ..State::default()
        };
        let server = Server::start(move |request| state.answer(request))?;
        Ok(Self { server })
    }

    /// `HOST:PORT/shop`, as image references begin.
    #[must_use]
    pub fn repository(&self) -> String {
        format!("{}/shop", self.server.address())
    }

    /// What was asked so far: method and target, in order of arrival.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        let requests = self.server.requests();
        let requests = requests.iter();
        requests
            .map(|request| format!("{} {}", request.method, request.target))
            .collect()
    }

    /// Puts an image without layers, told from others by a text, under a tag.
    ///
    /// # Errors
    ///
    /// Fails when the server is gone.
    pub fn push(&self, tag: &str, text: &str) -> Result<Digest> {
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
            "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::of(b"{}"), "size": 2 },
            "annotations": { "text": text },
        });
        self.put(tag, MANIFEST, manifest.to_string().as_bytes())
    }

    /// Puts an index of manifests under a tag.
    ///
    /// # Errors
    ///
    /// Fails when the server is gone.
    pub fn push_index(&self, tag: &str, entries: &[(&str, Digest, usize)]) -> Result<Digest> {
        let entries: Vec<Value> = entries
            .iter()
            .map(
                |(kind, digest, size)| json!({ "mediaType": kind, "digest": digest, "size": size }),
            )
            .collect();
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries });
        self.put(tag, INDEX, index.to_string().as_bytes())
    }

    /// Puts any manifest under a tag.
    ///
    /// # Errors
    ///
    /// Fails when the server is gone.
    pub fn put(&self, tag: &str, media_type: &str, bytes: &[u8]) -> Result<Digest> {
        let url = self.server.url(&format!("/v2/shop/manifests/{tag}"));
        let answer = http::send("PUT", &url, &[("content-type", media_type)], bytes)?;
        ensure!(answer.status == 201, "status {}", answer.status);
        Ok(Digest::of(bytes))
    }

    /// The manifest under a tag, as JSON.
    ///
    /// # Errors
    ///
    /// Fails when there is none.
    pub fn manifest(&self, tag: &str) -> Result<Value> {
        let answer = http::get(&self.server.url(&format!("/v2/shop/manifests/{tag}")))?;
        ensure!(answer.status == 200, "status {}", answer.status);
        serde_json::from_slice(&answer.body).context("no JSON")
    }

    /// All tags; asked for as a client would.
    ///
    /// # Errors
    ///
    /// Fails when they are not listed.
    pub fn tags(&self) -> Result<Vec<String>> {
        let answer = http::get(&self.server.url("/v2/shop/tags/list"))?;
        ensure!(answer.status == 200, "status {}", answer.status);
        let page: Value = serde_json::from_slice(&answer.body)?;
        let tags = page.get("tags").cloned().unwrap_or_default();
        Ok(serde_json::from_value(tags)?)
    }
}

impl State {
    fn is(&self, quirk: Quirk) -> bool {
        self.quirks.contains(&quirk)
    }

    fn answer(&mut self, request: &Request) -> Answer {
        let path = request.path().trim_start_matches("/v2/shop/").to_owned();
        match (request.method.as_str(), path.split_once('/')) {
            ("GET" | "HEAD", Some(("manifests", name))) => self.read(name),
            ("PUT", Some(("manifests", name))) => self.write(name, request),
            ("DELETE", Some(("manifests", name))) => self.remove(name),
            ("GET", Some(("referrers", subject))) => self.referrers(subject),
            ("GET", Some(("tags", "list"))) if !self.is(Quirk::ListsNoTags) => {
                let tags: Vec<&String> = self.tags.keys().collect();
                Answer::json(json!({ "name": "shop", "tags": tags }).to_string())
            }
            ("POST", Some(("blobs", "uploads/"))) => {
                Answer::new(202).header("location", "/v2/shop/blobs/uploads/1")
            }
            ("PUT", Some(("blobs", "uploads/1"))) => self.upload(request),
            ("GET" | "HEAD", Some(("blobs", digest))) => self.blob(digest),
            _ => Answer::new(404),
        }
    }

    fn digest(&self, name: &str) -> Option<String> {
        if name.starts_with("sha256:") {
            return Some(name.to_owned());
        }
        self.tags.get(name).cloned()
    }

    fn read(&self, name: &str) -> Answer {
        let digest = self.digest(name);
        let found = digest.and_then(|digest| self.manifests.get(&digest));
        match found {
            Some((kind, bytes)) => Answer::new(200)
                .header("content-type", kind)
                .body(bytes.clone()),
            None => self.absent(),
        }
    }

    fn absent(&self) -> Answer {
        match self.is(Quirk::HidesAbsentTags) {
            true => Answer::new(403),
            false => Answer::new(404),
        }
    }

    fn write(&mut self, name: &str, request: &Request) -> Answer {
        let digest = Digest::of(&request.body).to_string();
        let kind = request.header("content-type").unwrap_or_default();
        let manifest = (kind.to_owned(), request.body.clone());
        self.manifests.insert(digest.clone(), manifest);
        let first = is_view(name) && self.undone.insert(name.to_owned());
        let lost = first && self.is(Quirk::UndoesLists);
        if !lost && !name.starts_with("sha256:") {
            self.tags.insert(name.to_owned(), digest);
        }
        if self.is(Quirk::MovesTag) && name.starts_with("sha256-") {
            let other = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[]}"#;
            let digest = Digest::of(other.as_bytes()).to_string();
            let manifest = (MANIFEST.to_owned(), other.as_bytes().to_vec());
            self.manifests.insert(digest.clone(), manifest);
            self.tags.insert("v1".to_owned(), digest);
        }
        let answer = Answer::new(201);
        match self.is(Quirk::ClaimsReferrers) {
            true => answer.header("oci-subject", "sha256:"),
            false => answer,
        }
    }

    fn remove(&mut self, name: &str) -> Answer {
        self.manifests.remove(name);
        self.tags.retain(|_, digest| digest != name);
        Answer::new(202)
    }

    fn referrers(&self, subject: &str) -> Answer {
        if !self.is(Quirk::Referrers) && !self.is(Quirk::ForgetsReferrers) {
            return self.absent();
        }
        let manifests = self.manifests.iter();
        let manifests: Vec<Value> = manifests
            .filter(|_| !self.is(Quirk::ForgetsReferrers))
            .filter_map(|(digest, (kind, bytes))| {
                let manifest: Value = serde_json::from_slice(bytes).ok()?;
                let about = manifest.pointer("/subject/digest")?;
                (about == subject).then(|| {
                    json!({
                        "mediaType": kind, "digest": digest, "size": bytes.len(),
                        "artifactType": manifest.get("artifactType"),
                        "annotations": manifest.get("annotations").unwrap_or(&json!({})),
                    })
                })
            })
            .collect();
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
        Answer::new(200)
            .header("content-type", INDEX)
            .body(index.to_string())
    }

    fn upload(&mut self, request: &Request) -> Answer {
        if self.is(Quirk::DropsUploads) {
            return Answer::new(201).ending(Ending::CloseAtOnce);
        }
        let digest = Digest::of(&request.body).to_string();
        self.blobs.insert(digest, request.body.clone());
        Answer::new(201)
    }

    fn blob(&self, digest: &str) -> Answer {
        let Some(bytes) = self.blobs.get(digest) else {
            return Answer::new(404);
        };
        if self.is(Quirk::SendsPages) {
            let page = Answer::new(200).header("content-type", "text/html");
            return page.body("<html>log in</html>");
        }
        let whole = Answer::new(200).body(bytes.clone());
        match self.is(Quirk::DropsBlobs) {
            true => whole.ending(Ending::CloseAfter(bytes.len() / 2)),
            false => whole,
        }
    }
}

/// Whether a tag is that of a list, not that of one object.
fn is_view(tag: &str) -> bool {
    let rest = tag.strip_prefix("sha256-").unwrap_or_default();
    rest.len() == 64 || (rest.len() == 68 && rest.ends_with(['g', 't']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_there_after_it_was_pushed() {
        let toy = Toy::start(&[]).unwrap();
        let digest = toy.push("v1", "one").unwrap();
        assert_eq!(toy.manifest("v1").unwrap()["annotations"]["text"], "one");
        assert_eq!(
            toy.manifest(&digest.to_string()).unwrap()["schemaVersion"],
            2
        );
        assert_eq!(toy.tags().unwrap(), ["v1"]);
        assert!(toy.manifest("v2").is_err());
    }

    #[test]
    fn the_first_writing_of_a_list_is_lost_where_that_is_the_quirk() {
        let toy = Toy::start(&[Quirk::UndoesLists]).unwrap();
        let list = format!("sha256-{}.sig", Digest::of(b"x").hex());
        toy.push(&list, "one").unwrap();
        assert!(toy.manifest(&list).is_err());
        toy.push(&list, "two").unwrap();
        assert_eq!(toy.manifest(&list).unwrap()["annotations"]["text"], "two");
    }
}
