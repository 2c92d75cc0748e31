//! Reads and moves pointers, one file for each kind.

mod command;
mod git;
mod github;
mod gitlab;
mod registry;

use std::path::Path;
use std::time::Duration;

use liftlock::config::pointer::{GithubDeployment, Mark, Pointer, Shape, Target};
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::pointer::Live;
use liftlock::pointer::notice::Notice;
use liftlock::pointer::request::Merged;
use liftlock::pointer::tagged::Tags;
use liftlock::release::Reference;
use liftlock::time::Time;

use crate::github::GitHub;
use crate::oci::Copied;
use github::Deployed;
pub use registry::TIMEOUT;

/// How long an image may take to be copied.
pub const COPY: Duration = Duration::from_secs(1_800);

/// Whose pointers are read and moved.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The service.
    pub service: &'a Name,
    /// The environment.
    pub environment: &'a Name,
    /// Certificate authorities to trust as well.
    pub ca_file: Option<&'a Path>,
}

/// A move, and in whose name it is made.
#[derive(Clone, Copy, Debug)]
pub struct Move<'a> {
    /// Where the pointer is before.
    pub from: Option<Digest>,
    /// Where it is to be.
    pub to: Digest,
    /// The release that the digest is of.
    pub release: &'a Reference,
    /// The plan's id.
    pub plan: Digest,
    /// A number that only grows with each new owner of the environment.
    pub fence: u64,
    /// The hold that stands, to be told beside the pointer where it can be.
    pub notice: Option<&'a Notice>,
}

/// What is to be said of a hold at this moment.
pub type Word<'a> = &'a dyn Fn() -> Option<Notice>;

/// What came of telling a hold beside a pointer, one line for each place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Where it is told now and was not before.
    pub written: Vec<String>,
    /// What is somebody else's and was left as it is, and why.
    pub left: Vec<String>,
}

/// What became of a move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moved {
    /// It is made.
    Already,
    /// People have to merge this page's request first.
    Waits(String),
    /// People do not want it, or changed it, and how.
    Refused(String),
}

/// A move that nobody is asked to make any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// Where the pointer is.
    pub live: Live,
    /// When somebody merged it, where the forge tells.
    pub merged_at: Option<Time>,
}

/// How long a pointer may take to move: the lease has to last longer.
#[must_use]
pub fn patience(target: &Target) -> Duration {
    match &target.pointer {
        Pointer::Registry(_) => TIMEOUT,
        Pointer::Git(value) if value.request.is_some() => git::ASKING,
        Pointer::Git(_) => git::PATIENCE,
        Pointer::Command(commands) => command::timeout(commands) * 2,
        Pointer::GithubDeployment(_)
        | Pointer::GithubRelease(_)
        | Pointer::GitlabDeployment(_)
        | Pointer::GitlabRelease(_) => github::PATIENCE,
    }
}

/// Copies an image to the repository that a pointer is in, with all that is
/// attached to it. Where it is already, nothing is sent.
///
/// # Errors
///
/// Fails when a repository cannot be read or written, and when the image is not
/// in the one that it is copied from.
pub fn copy(
    target: &Target,
    from: &str,
    image: &Digest,
    ca_file: Option<&Path>,
) -> Result<Copied, Failure> {
    match &target.pointer {
        Pointer::Registry(tag) => registry::copy(tag, from, image, ca_file),
        Pointer::Git(_)
        | Pointer::Command(_)
        | Pointer::GithubDeployment(_)
        | Pointer::GithubRelease(_)
        | Pointer::GitlabDeployment(_)
        | Pointer::GitlabRelease(_) => Err(Failure::new(
            Kind::Bug,
            "nothing is copied to where this target points",
        )),
    }
}

/// Where a pointer points.
///
/// # Errors
///
/// Fails when it cannot be read, and when the names in the target are none.
pub fn read(target: &Target, scope: &Scope<'_>) -> Result<Live, Failure> {
    match &target.pointer {
        Pointer::Registry(tag) => registry::read(tag, scope.ca_file).map(Live::from),
        Pointer::Git(value) => git::read(value),
        Pointer::Command(commands) => command::read(commands, target.artifact.as_ref(), scope),
        Pointer::GithubDeployment(deployment) => {
            let github = github::open(&deployment.repository, scope.ca_file)?;
            deployed(&github, deployment, target, scope).read()
        }
        Pointer::GithubRelease(release) => {
            let github = github::open(&release.repository, scope.ca_file)?;
            github::read_release(&github, release)
        }
        Pointer::GitlabDeployment(deployment) => {
            let gitlab = gitlab::open(&deployment.repository, scope.ca_file)?;
            gitlab::read_deployment(&gitlab, deployment, &tags(target, scope))
        }
        Pointer::GitlabRelease(release) => {
            let gitlab = gitlab::open(&release.repository, scope.ca_file)?;
            gitlab::read(&gitlab, release)
        }
    }
}

/// Whether what a pointer is to point at is there; `true` where only moving it
/// would tell.
///
/// # Errors
///
/// Fails when the repository, or the forge with its releases, cannot be read.
pub fn has(target: &Target, image: &Digest, scope: &Scope<'_>) -> Result<bool, Failure> {
    match &target.pointer {
        Pointer::Registry(tag) => Ok(registry::lacks(tag, image, scope.ca_file)?.is_none()),
        Pointer::GithubRelease(release) => {
            let github = github::open(&release.repository, scope.ca_file)?;
            github::has_release(&github, release, image)
        }
        Pointer::GitlabRelease(release) => {
            let gitlab = gitlab::open(&release.repository, scope.ca_file)?;
            gitlab::has(&gitlab, release, image)
        }
        // The digest is all that they hold, and is written by the move itself.
        Pointer::Git(_)
        | Pointer::Command(_)
        | Pointer::GithubDeployment(_)
        | Pointer::GitlabDeployment(_) => Ok(true),
    }
}

/// The manifest that is missing for a pointer to point at a digest, where that
/// can be seen: a value elsewhere says nothing about where the bytes are.
///
/// # Errors
///
/// Fails when a repository cannot be read, and when the names in the target are
/// none.
pub fn missing(
    target: &Target,
    image: &Digest,
    scope: &Scope<'_>,
) -> Result<Option<Digest>, Failure> {
    match &target.pointer {
        Pointer::Registry(tag) => registry::missing(tag, image, scope.ca_file),
        Pointer::Git(_)
        | Pointer::Command(_)
        | Pointer::GithubDeployment(_)
        | Pointer::GithubRelease(_)
        | Pointer::GitlabDeployment(_)
        | Pointer::GitlabRelease(_) => Ok(None),
    }
}

/// Moves a pointer, or asks people to.
///
/// # Errors
///
/// Fails when it cannot be written, where somebody else moved it in between,
/// and, where that can be seen, when a newer owner moves the environment.
pub fn point(target: &Target, moved: &Move<'_>, scope: &Scope<'_>) -> Result<Moved, Failure> {
    let done = match &target.pointer {
        Pointer::Registry(tag) => registry::point(tag, &moved.to, scope.ca_file),
        Pointer::Git(value) => return git::point(value, moved, scope),
        Pointer::Command(commands) => {
            command::point(commands, target.artifact.as_ref(), moved, scope)
        }
        Pointer::GithubDeployment(deployment) => {
            let github = github::open(&deployment.repository, scope.ca_file)?;
            deployed(&github, deployment, target, scope).point(moved)
        }
        Pointer::GithubRelease(release) => {
            let github = github::open(&release.repository, scope.ca_file)?;
            github::point_release(&github, release, moved)
        }
        Pointer::GitlabDeployment(deployment) => {
            let gitlab = gitlab::open(&deployment.repository, scope.ca_file)?;
            gitlab::point_deployment(&gitlab, deployment, (&tags(target, scope), moved))
        }
        Pointer::GitlabRelease(release) => {
            let gitlab = gitlab::open(&release.repository, scope.ca_file)?;
            gitlab::point(&gitlab, release, moved)
        }
    };
    done.map(|()| Moved::Already)
}

/// Sees to it that nobody makes a move any more that people were asked to make,
/// and looks where the pointer is.
///
/// # Errors
///
/// Fails when the forge or the repository does.
pub fn withdraw(
    target: &Target,
    moved: &Move<'_>,
    scope: &Scope<'_>,
) -> Result<Withdrawn, Failure> {
    match target.git().zip(target.request()) {
        Some((value, asked)) => git::withdraw(value, asked, (moved, scope)),
        None => Ok(Withdrawn {
            live: read(target, scope)?,
            merged_at: None,
        }),
    }
}

/// The merge by which people made a move that they were asked to make; nothing is
/// known of it where the pointer is there by other ways. Nothing is changed.
///
/// # Errors
///
/// Fails when neither forge nor repository tells.
pub fn merged(
    target: &Target,
    moved: &Move<'_>,
    scope: &Scope<'_>,
) -> Result<Option<Merged>, Failure> {
    match target.git().zip(target.request()) {
        Some((value, asked)) => git::merged(value, asked, (moved, scope)),
        None => Ok(None),
    }
}

/// Has what is beside a pointer say whether the environment is held: the word
/// is asked for whenever what is there was read anew, and nothing is changed
/// where there is none any more.
///
/// # Errors
///
/// Fails when it cannot be read or written.
pub fn tell(target: &Target, word: Word<'_>) -> Result<Told, Failure> {
    match target.git().filter(|value| !value.hold.is_empty()) {
        Some(value) => git::tell(value, word),
        None => Ok(Told::default()),
    }
}

/// The hold that a file beside a pointer tells of.
///
/// # Errors
///
/// Fails when it cannot be read, and as blocked where it is not understood.
pub fn held(target: &Target, scope: &Scope<'_>) -> Result<Option<Notice>, Failure> {
    let is_file = |mark: &Mark| matches!(mark.shape(), Some(Shape::File));
    match target.git().filter(|value| value.hold.iter().any(is_file)) {
        Some(value) => git::held(value, scope),
        None => Ok(None),
    }
}

/// What is said of a hold beside a pointer, one line each.
///
/// # Errors
///
/// Fails when it cannot be read, and as invalid where it is somebody else's.
pub fn shown(target: &Target, notice: &Notice) -> Result<Vec<String>, Failure> {
    match target.git().filter(|value| !value.hold.is_empty()) {
        Some(value) => git::shown(value, notice),
        None => Ok(Vec::new()),
    }
}

fn tags(target: &Target, scope: &Scope<'_>) -> Tags {
    Tags::new(scope.service, target.artifact.as_ref())
}

const fn deployed<'a>(
    github: &'a GitHub,
    deployment: &'a GithubDeployment,
    target: &'a Target,
    scope: &'a Scope<'a>,
) -> Deployed<'a> {
    Deployed {
        github,
        target: deployment,
        artifact: target.artifact.as_ref(),
        scope,
    }
}
