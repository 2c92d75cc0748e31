//! Deployments of GitLab as a pointer: nothing in them is ours but the name of
//! what was deployed, so the name of a tag says which digest that is.

use serde::Deserialize;

use super::Live;
use crate::ci;
use crate::digest::Digest;
use crate::name::Name;

/// The only status that ours are made with. GitLab keeps no older ones, so that
/// with several nobody could tell a move that failed from one that was undone.
pub const STATUS: &str = "success";

/// A deployment as GitLab tells it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Deployment {
    /// Its number.
    pub id: u64,
    /// The branch or tag that was deployed.
    #[serde(rename = "ref")]
    pub reference: String,
    /// One of GitLab's words.
    pub status: String,
}

/// Whose tags are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tags(String);

impl Tags {
    /// Those of an artifact of a service; of its only one, where none is named.
    #[must_use]
    pub fn new(service: &Name, artifact: Option<&Name>) -> Self {
        let artifact = artifact.map_or_else(String::new, |name| format!("{name}/"));
        Self(format!("liftlock/{service}/{artifact}sha256-"))
    }

    /// The tag of a digest.
    #[must_use]
    pub fn of(&self, digest: &Digest) -> String {
        format!("{}{}", self.0, digest.hex())
    }

    /// What a deployment says about the pointer; nothing where it is of others,
    /// as one by a job of GitLab that names the environment.
    #[must_use]
    pub fn says(&self, deployment: &Deployment) -> Option<Live> {
        let hex = deployment.reference.strip_prefix(&self.0)?;
        let strange = |why: String| Live::Strange(format!("deployment {} {why}", deployment.id));
        Some(match format!("sha256:{hex}").parse() {
            Err(_) => strange("is of a tag like ours that names no digest".to_owned()),
            Ok(_) if deployment.status != STATUS => {
                let status = ci::line(&deployment.status);
                strange(format!("was made a {STATUS}, and is `{status}` now"))
            }
            Ok(digest) => Live::At(digest),
        })
    }

    /// Where the pointer points, by deployments with the newest first.
    #[must_use]
    pub fn live(&self, deployments: &[Deployment]) -> Live {
        let mut said = deployments.iter().filter_map(|one| self.says(one));
        said.next().unwrap_or(Live::Nowhere)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(artifact: Option<&str>) -> Tags {
        let artifact = artifact.map(|name| name.parse().unwrap());
        Tags::new(&"shop".parse().unwrap(), artifact.as_ref())
    }

    fn deployment(reference: impl Into<String>, status: &str) -> Deployment {
        Deployment {
            id: 5,
            reference: reference.into(),
            status: status.to_owned(),
        }
    }

    #[test]
    fn what_nobody_understands_is_told_and_not_skipped() {
        let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
        let older = deployment(tags(Some("api")).of(&one), "success");
        let tag = tags(Some("api")).of(&two);
        for newest in [
            deployment(tag.clone(), "failed"),
            deployment(tag.clone(), "canceled"),
            deployment(tag.clone(), "blessed"),
            deployment(format!("{tag}0"), "success"),
            deployment("liftlock/shop/api/sha256-", "success"),
            deployment(
                tag.to_uppercase()
                    .replace("LIFTLOCK/SHOP/API/SHA", "liftlock/shop/api/sha"),
                "success",
            ),
        ] {
            let live = tags(Some("api")).live(&[newest.clone(), older.clone()]);
            assert!(matches!(live, Live::Strange(_)), "{newest:?}: {live:?}");
        }
    }

    #[test]
    fn only_deployments_of_our_tags_say_what_is_live() {
        let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
        let others = [
            deployment("main", "success"),
            deployment("v2", "running"),
            deployment(tags(Some("worker")).of(&two), "success"),
            deployment(tags(None).of(&two), "success"),
            deployment(format!("x{}", tags(Some("api")).of(&two)), "failed"),
        ];
        assert_eq!(tags(Some("api")).live(&others), Live::Nowhere);
        let ours = deployment(tags(Some("api")).of(&one), "success");
        let all = [&others[..], &[ours]].concat();
        assert_eq!(tags(Some("api")).live(&all), Live::At(one));
        assert_eq!(tags(None).live(&all), Live::At(two));
        let tag = format!("liftlock/shop/api/sha256-{}", one.hex());
        assert_eq!(tags(Some("api")).of(&one), tag);
    }
}
