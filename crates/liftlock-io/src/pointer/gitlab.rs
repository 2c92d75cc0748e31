//! Deployments and releases on GitLab.

use std::path::Path;
use std::time::Duration;

use liftlock::config::place::Repository;
use liftlock::config::pointer::{GitlabDeployment, GitlabRelease};
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::pointer::release::NotOne;
use liftlock::pointer::tagged::Tags;
use liftlock::pointer::{Live, is_open, notes};

use super::Move;
use super::github::PATIENCE;
use crate::clock;
use crate::forge::wire;
use crate::gitlab::{self, Deploying, GitLab};
use crate::http::Options;

/// The project, as this job's environment reaches it.
pub(super) fn open(repository: &Repository, ca_file: Option<&Path>) -> Result<GitLab, Failure> {
    if gitlab::here()? != repository.instance() {
        let message = format!("`{repository}` is on another GitLab than this job's environment");
        return Err(Failure::new(Kind::Invalid, message)
            .with_hint("set `CI_API_V4_URL` to the API of that one"));
    }
    let options = Options {
        ca_file: ca_file.map(Path::to_owned),
        timeout: Duration::from_secs(30),
    };
    let deadline = wire::later(clock::now(), PATIENCE);
    Ok(GitLab::from_environment(
        repository.path(),
        &options,
        deadline,
    )?)
}

/// Where the newest deployment of ours points.
pub(super) fn read_deployment(
    gitlab: &GitLab,
    target: &GitlabDeployment,
    tags: &Tags,
) -> Result<Live, Failure> {
    let ours = |one: &_| tags.says(one).is_some();
    let deployments = gitlab.deployed(&target.environment, ours)?;
    Ok(tags.live(&deployments))
}

/// Makes a deployment of the tag of the digest, which is made where there is none.
pub(super) fn point_deployment(
    gitlab: &GitLab,
    target: &GitlabDeployment,
    (tags, moved): (&Tags, &Move<'_>),
) -> Result<(), Failure> {
    let (label, ends) = (target.label(), (moved.from, moved.to));
    let open = || is_open(&label, &read_deployment(gitlab, target, tags)?, ends);
    if !open()? {
        return Ok(());
    }
    let tag = tags.of(&moved.to);
    let commit = gitlab.tag(&tag, &target.reference)?;
    // Whoever was faster than this is seen now.
    if open()? {
        gitlab.deploy(&Deploying {
            environment: &target.environment,
            tag: &tag,
            commit: &commit,
        })?;
    }
    Ok(())
}

/// Where the latest release points.
pub(super) fn read(gitlab: &GitLab, target: &GitlabRelease) -> Result<Live, Failure> {
    let releases = gitlab.releases()?;
    let latest = notes::latest(&releases);
    Ok(latest.map_or(Live::Nowhere, |latest| latest.says(&target.asset)))
}

/// Whether a release has the digest; which of several, a move has to refuse.
pub(super) fn has(
    gitlab: &GitLab,
    target: &GitlabRelease,
    digest: &Digest,
) -> Result<bool, Failure> {
    let releases = gitlab.releases()?;
    let found = notes::of(&releases, &target.asset, digest);
    Ok(!matches!(found, Err(NotOne::None { .. })))
}

/// Makes the release with the digest the latest.
pub(super) fn point(
    gitlab: &GitLab,
    target: &GitlabRelease,
    moved: &Move<'_>,
) -> Result<(), Failure> {
    let releases = gitlab.releases()?;
    let latest = notes::latest(&releases);
    let live = latest.map_or(Live::Nowhere, |latest| latest.says(&target.asset));
    let found = notes::of(&releases, &target.asset, &moved.to)
        .map_err(|error| Failure::new(Kind::Invalid, error.to_string()))?;
    if is_open(&target.label(), &live, (moved.from, moved.to))? {
        gitlab.release_at(&found.tag_name, notes::newer(latest, gitlab.now()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use liftlock::release::Reference;
    use testkit::servers::gitlab::{GitLab as Fake, Token};

    use super::*;
    use crate::forge::Pace;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn digest(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    fn gitlab(fake: &Rc<Fake>, kind: Token) -> GitLab {
        let token = fake.with(|state| {
            state.person(7, "alice", 30);
            state.token(kind)
        });
        let clock = Rc::clone(fake);
        let pace = Pace {
            now: Box::new(move || clock.with(|state| state.now())),
            wait: Box::new(|_| {}),
        };
        let deadline = wire::later(fake.with(|state| state.now()), HOUR);
        let until = (deadline, pace);
        GitLab::new(
            (&fake.api(), &token),
            &Options::default(),
            until,
            "acme/shop",
        )
        .unwrap()
    }

    fn target(fake: &Fake) -> GitlabRelease {
        GitlabRelease {
            repository: format!("gitlab:acme/shop@{}", fake.host()).parse().unwrap(),
            asset: "shop-*.tgz".to_owned(),
        }
    }

    fn moving(
        (from, to): (Option<&str>, &str),
        act: impl FnOnce(&Move<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let release = Reference {
            id: format!("shop-{to}"),
            digest: digest("release"),
            artifacts: std::collections::BTreeMap::new(),
        };
        let moved = Move {
            from: from.map(digest),
            to: digest(to),
            release: &release,
            plan: digest("plan"),
            fence: 1,
            notice: None,
        };
        act(&moved)
    }

    fn move_to(
        gitlab: &GitLab,
        target: &GitlabRelease,
        ends: (Option<&str>, &str),
    ) -> Result<(), Failure> {
        moving(ends, |moved| point(gitlab, target, moved))
    }

    fn publish(fake: &Fake, version: &str, when: Duration) {
        let line = format!("News\n\n{}  shop-{version}.tgz\n", digest(version).hex());
        fake.with(|state| state.release(version, &line, when));
    }

    #[test]
    fn the_latest_release_is_the_one_with_the_digest() {
        let fake = Rc::new(Fake::start().unwrap());
        let (gitlab, target) = (gitlab(&fake, Token::Api(7)), target(&fake));
        assert_eq!(read(&gitlab, &target).unwrap(), Live::Nowhere);
        // What is to be released later is not the latest.
        for version in ["one", "two"] {
            publish(&fake, version, HOUR);
        }
        assert_eq!(read(&gitlab, &target).unwrap(), Live::Nowhere);
        for ends in [(None, "one"), (Some("one"), "two"), (Some("two"), "one")] {
            move_to(&gitlab, &target, ends).unwrap();
            assert_eq!(read(&gitlab, &target).unwrap(), Live::At(digest(ends.1)));
            assert_eq!(fake.with(|state| state.latest()).as_deref(), Some(ends.1));
            fake.with(|state| state.advance(Duration::from_secs(1)));
        }
        let writes = fake.counts().writes;
        move_to(&gitlab, &target, (Some("two"), "one")).unwrap();
        assert_eq!(fake.counts().writes, writes);
    }

    #[test]
    fn what_is_not_there_not_ours_or_not_allowed_is_refused() {
        let fake = Rc::new(Fake::start().unwrap());
        let (gitlab, target) = (gitlab(&fake, Token::Api(7)), target(&fake));
        publish(&fake, "one", Duration::ZERO);
        let has = |text: &str| has(&gitlab, &target, &digest(text)).unwrap();
        assert!(has("one") && !has("two"));
        let refused = move_to(&gitlab, &target, (Some("one"), "two")).unwrap_err();
        assert_eq!(refused.kind, Kind::Invalid);
        publish(&fake, "two", HOUR);
        let refused = move_to(&gitlab, &target, (None, "two")).unwrap_err();
        assert_eq!(refused.kind, Kind::Refuted);
        fake.with(|state| {
            state.advance(Duration::from_secs(1));
            state.release("odd", "News", Duration::ZERO);
        });
        let refused = move_to(&gitlab, &target, (Some("one"), "two")).unwrap_err();
        assert_eq!(refused.kind, Kind::Refuted);
        assert_eq!(fake.with(|state| state.latest()).as_deref(), Some("odd"));
        assert_eq!(fake.counts().writes, 0);
    }

    #[test]
    fn a_token_that_may_only_read_is_told_so() {
        let fake = Rc::new(Fake::start().unwrap());
        let (gitlab, target) = (gitlab(&fake, Token::ReadApi(7)), target(&fake));
        publish(&fake, "one", HOUR);
        let refused = move_to(&gitlab, &target, (None, "one")).unwrap_err();
        assert_eq!(refused.kind, Kind::Credentials);
    }

    fn environment(fake: &Fake) -> (GitlabDeployment, Tags) {
        let deployment = GitlabDeployment {
            repository: format!("gitlab:acme/shop@{}", fake.host()).parse().unwrap(),
            environment: "live/eu".to_owned(),
            reference: "main".to_owned(),
        };
        let (service, artifact) = ("shop".parse().unwrap(), "api".parse().unwrap());
        (deployment, Tags::new(&service, Some(&artifact)))
    }

    fn deploy(gitlab: &GitLab, fake: &Fake, ends: (Option<&str>, &str)) -> Result<(), Failure> {
        let (target, tags) = environment(fake);
        moving(ends, |moved| {
            point_deployment(gitlab, &target, (&tags, moved))
        })
    }

    fn deployed(gitlab: &GitLab, fake: &Fake) -> Live {
        let (target, tags) = environment(fake);
        read_deployment(gitlab, &target, &tags).unwrap()
    }

    #[test]
    fn deployments_of_tags_point_there_and_back() {
        let fake = Rc::new(Fake::start().unwrap());
        let gitlab = gitlab(&fake, Token::Api(7));
        assert_eq!(deployed(&gitlab, &fake), Live::Nowhere);
        for ends in [(None, "one"), (Some("one"), "two"), (Some("two"), "one")] {
            deploy(&gitlab, &fake, ends).unwrap();
            assert_eq!(deployed(&gitlab, &fake), Live::At(digest(ends.1)));
            // What jobs deploy there, by the hundred, is nothing to us.
            fake.with(|state| (0..120).for_each(|_| state.job_deploys("live/eu", "main")));
            assert_eq!(deployed(&gitlab, &fake), Live::At(digest(ends.1)));
        }
        assert_eq!(
            fake.with(|state| state.tags()).len(),
            2,
            "one for each digest"
        );
        let writes = fake.counts().writes;
        deploy(&gitlab, &fake, (Some("two"), "one")).unwrap();
        assert_eq!(fake.counts().writes, writes);
    }

    #[test]
    fn a_deployment_whose_answer_is_lost_is_made_once() {
        let fake = Rc::new(Fake::start().unwrap());
        let gitlab = gitlab(&fake, Token::Api(7));
        for call in ["repository/tags", "deployments"] {
            fake.with(|state| state.lose("POST", call));
        }
        assert!(deploy(&gitlab, &fake, (None, "one")).is_err());
        deploy(&gitlab, &fake, (None, "one")).unwrap();
        assert_eq!(fake.with(|state| state.deployed("live/eu")).len(), 1);
        assert_eq!(deployed(&gitlab, &fake), Live::At(digest("one")));
    }

    #[test]
    fn what_somebody_else_deployed_or_undid_is_not_replaced() {
        let fake = Rc::new(Fake::start().unwrap());
        let gitlab = gitlab(&fake, Token::Api(7));
        deploy(&gitlab, &fake, (None, "one")).unwrap();
        let refused = deploy(&gitlab, &fake, (None, "two")).unwrap_err();
        assert_eq!(refused.kind, Kind::Refuted);
        let newest = fake.with(|state| state.deployed("live/eu"))[0];
        fake.with(|state| state.restate(newest, "failed"));
        assert!(matches!(deployed(&gitlab, &fake), Live::Strange(_)));
        let refused = deploy(&gitlab, &fake, (Some("one"), "two")).unwrap_err();
        assert_eq!(refused.kind, Kind::Refuted);
        assert_eq!(fake.with(|state| state.deployed("live/eu")), [newest]);
    }

    #[test]
    fn whoever_may_not_deploy_or_names_no_branch_is_told_so() {
        let fake = Rc::new(Fake::start().unwrap());
        let reader = gitlab(&fake, Token::ReadApi(7));
        let refused = deploy(&reader, &fake, (None, "one")).unwrap_err();
        assert_eq!(refused.kind, Kind::Credentials);
        let (target, tags) = environment(&fake);
        let reference = "nowhere".to_owned();
        let target = GitlabDeployment {
            reference,
            ..target
        };
        let writer = gitlab(&fake, Token::Api(7));
        let refused = moving((None, "one"), |moved| {
            point_deployment(&writer, &target, (&tags, moved))
        });
        assert!(refused.unwrap_err().lines().join(" ").contains("nowhere"));
        assert!(fake.with(|state| state.deployed("live/eu")).is_empty());
    }
}
