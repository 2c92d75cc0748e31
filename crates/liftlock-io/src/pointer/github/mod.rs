//! Deployments and releases on GitHub.

#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use liftlock::config::place::Repository;
use liftlock::config::pointer::{GithubDeployment, GithubRelease};
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::pointer::deployment::{Deployment, Payload, SCHEMA_VERSION, Stage, Whose};
use liftlock::pointer::{Live, is_open, release};

use super::{Move, Scope};
use crate::clock;
use crate::forge::wire;
use crate::github::{self, Deploying, GitHub};
use crate::http::Options;

/// How long GitHub may take: some ten calls, and a short wait that it asks for.
pub(super) const PATIENCE: Duration = Duration::from_secs(180);

/// How many deployments are looked at.
const PAGE: usize = 100;

/// The repository, as this job's environment reaches it; on the installation
/// that it names, where it names one.
pub(super) fn open(repository: &Repository, ca_file: Option<&Path>) -> Result<GitHub, Failure> {
    let named = repository.instance();
    if named.host.is_some() && named != github::here()? {
        let message = format!("`{repository}` is on another GitHub than this job asks");
        return Err(Failure::new(Kind::Invalid, message)
            .with_hint("set `GITHUB_API_URL` to the API of that one"));
    }
    let options = Options {
        ca_file: ca_file.map(Path::to_owned),
        timeout: Duration::from_secs(30),
    };
    let deadline = wire::later(clock::now(), PATIENCE);
    Ok(GitHub::from_environment(
        repository.path(),
        &options,
        deadline,
    )?)
}

fn whose(artifact: Option<&Name>, scope: &Scope<'_>) -> Whose {
    Whose {
        service: scope.service.clone(),
        environment: scope.environment.clone(),
        artifact: artifact.cloned(),
    }
}

/// A pointer that deployments are.
#[derive(Clone, Copy)]
pub(super) struct Deployed<'a> {
    pub(super) github: &'a GitHub,
    pub(super) target: &'a GithubDeployment,
    pub(super) artifact: Option<&'a Name>,
    pub(super) scope: &'a Scope<'a>,
}

impl Deployed<'_> {
    pub(super) fn read(&self) -> Result<Live, Failure> {
        let deployments = self.github.pointed(&self.target.environment)?;
        self.live(&deployments)
    }

    /// By the newest that says something, newest first.
    fn live(&self, deployments: &[Deployment]) -> Result<Live, Failure> {
        let whose = whose(self.artifact, self.scope);
        for one in deployments {
            if let Some(live) = one.says(&whose, || self.github.stage(one.id))? {
                return Ok(live);
            }
        }
        if deployments.len() < PAGE {
            return Ok(Live::Nowhere);
        }
        let why = format!("none of the newest {PAGE} deployments says what is live");
        Ok(Live::Strange(why))
    }

    /// Makes a deployment, or goes on with the one that an earlier run of this
    /// plan made, and lets it succeed if the pointer is still where it was.
    pub(super) fn point(&self, moved: &Move<'_>) -> Result<(), Failure> {
        let environment = self.target.environment.as_str();
        let deployments = self.github.pointed(environment)?;
        self.refuse_older(&deployments, moved)?;
        let payload = Payload {
            schema_version: SCHEMA_VERSION,
            whose: whose(self.artifact, self.scope),
            digest: moved.to,
            from: moved.from,
            fence: moved.fence,
            plan_id: moved.plan,
            release: moved.release.id.clone(),
        };
        let label = self.target.label();
        let ends = (moved.from, moved.to);
        if !is_open(&label, &self.live(&deployments)?, ends)? {
            return Ok(());
        }
        let id = match self.begun(&deployments, &payload)? {
            Some(id) => id,
            None => self.github.begin(&Deploying {
                reference: &self.target.reference,
                environment,
                payload: &payload,
            })?,
        };
        self.github.mark(id, "in_progress", "promoting")?;
        // Whoever was faster than this is seen now.
        let now = self.github.pointed(environment)?;
        let refused = self
            .refuse_older(&now, moved)
            .and_then(|()| is_open(&label, &self.live(&now)?, ends).map(drop));
        if let Err(refusal) = refused {
            self.github.mark(id, "failure", "somebody else moved it")?;
            return Err(refusal);
        }
        Ok(self.github.mark(id, "success", "live")?)
    }

    /// What an earlier run of the same plan began for the same move.
    fn begun(&self, deployments: &[Deployment], wanted: &Payload) -> Result<Option<u64>, Failure> {
        for one in deployments {
            let Ok(Some(found)) = one.payload() else {
                continue;
            };
            let same = Payload {
                fence: wanted.fence,
                ..found
            } == *wanted;
            if same && self.github.stage(one.id)? == Stage::Open {
                return Ok(Some(one.id));
            }
        }
        Ok(None)
    }

    /// Refuses when the newest deployment for this environment of ours is by a
    /// newer owner than this one.
    fn refuse_older(&self, deployments: &[Deployment], moved: &Move<'_>) -> Result<(), Failure> {
        let mut ours = deployments.iter().filter_map(|one| one.payload().ok()?);
        let whose = whose(self.artifact, self.scope);
        let newest = ours.find(|one| one.whose == whose);
        match newest {
            Some(newest) if newest.fence > moved.fence => {
                let message = format!(
                    "{} was moved by a newer owner of {}: its fence is {}, ours is {}",
                    self.target.label(),
                    self.scope.environment,
                    newest.fence,
                    moved.fence
                );
                Err(Failure::new(Kind::Blocked, message).with_hint(
                    "look at `promote status`; after a lost state store, make a deployment with the payload of the live one but `fence: 0`, and let it succeed",
                ))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Where the latest release points.
pub(super) fn read_release(github: &GitHub, target: &GithubRelease) -> Result<Live, Failure> {
    let latest = github.latest()?;
    Ok(latest.map_or(Live::Nowhere, |latest| latest.says(&target.asset)))
}

/// Whether a release has the digest; which of several, a move has to refuse.
pub(super) fn has_release(
    github: &GitHub,
    target: &GithubRelease,
    digest: &Digest,
) -> Result<bool, Failure> {
    let releases = github.releases()?;
    let found = release::of(&releases, &target.asset, digest);
    Ok(!matches!(found, Err(release::NotOne::None { .. })))
}

/// Makes the release with the digest the latest.
pub(super) fn point_release(
    github: &GitHub,
    target: &GithubRelease,
    moved: &Move<'_>,
) -> Result<(), Failure> {
    let releases = github.releases()?;
    let found = release::of(&releases, &target.asset, &moved.to)
        .map_err(|error| Failure::new(Kind::Invalid, error.to_string()))?;
    let live = read_release(github, target)?;
    if is_open(&target.label(), &live, (moved.from, moved.to))? {
        github.make_latest(found.id)?;
    }
    Ok(())
}
