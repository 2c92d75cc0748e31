//! Releases on GitLab.

use std::path::Path;
use std::time::Duration;

use liftlock::config::pointer::GitlabRelease;
use liftlock::failure::{Failure, Kind};
use liftlock::pointer::{Live, is_open, notes};

use super::Move;
use super::github::PATIENCE;
use crate::clock;
use crate::forge::wire;
use crate::gitlab::{self, GitLab};
use crate::http::Options;

/// The project, as this job's environment reaches it.
pub(super) fn open(target: &GitlabRelease, ca_file: Option<&Path>) -> Result<GitLab, Failure> {
    let repository = &target.repository;
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

/// Where the latest release points.
pub(super) fn read(gitlab: &GitLab, target: &GitlabRelease) -> Result<Live, Failure> {
    let releases = gitlab.releases()?;
    let latest = notes::latest(&releases);
    Ok(latest.map_or(Live::Nowhere, |latest| latest.says(&target.asset)))
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

    use liftlock::digest::Digest;
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

    fn move_to(
        gitlab: &GitLab,
        target: &GitlabRelease,
        (from, to): (Option<&str>, &str),
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
        point(gitlab, target, &moved)
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
}
