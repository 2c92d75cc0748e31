//! Where a job's checkout is, and what becomes of it when the job is over.

use std::path::{Component, Path, PathBuf};

use crate::failure::{Failure, Kind};

/// What becomes of a checkout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes with the machine, which is there for one job.
    Deleted,
    /// The machine stays, and the next checkout removes what git does not know.
    Cleaned,
}

/// The checkout that a job of a CI works in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    folder: PathBuf,
    fate: Fate,
    repository: Option<String>,
}

impl Workspace {
    /// Of GitHub, which says what kind of runner it is.
    pub(super) fn github(lookup: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let hosted = lookup("RUNNER_ENVIRONMENT").as_deref() == Some("github-hosted");
        let named = lookup("GITHUB_SERVER_URL").zip(lookup("GITHUB_REPOSITORY"));
        Some(Self {
            folder: lookup("GITHUB_WORKSPACE")?.into(),
            fate: if hosted { Fate::Deleted } else { Fate::Cleaned },
            repository: named.map(|(server, name)| format!("{server}/{name}")),
        })
    }

    /// Of GitLab, whose own runners are known by their tags.
    pub(super) fn gitlab(lookup: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let tags = lookup("CI_RUNNER_TAGS").unwrap_or_default();
        let own = ["saas-linux-", "saas-macos-", "saas-windows-"];
        let hosted = own.iter().any(|tag| tags.contains(tag));
        Some(Self {
            folder: lookup("CI_PROJECT_DIR")?.into(),
            fate: if hosted { Fate::Deleted } else { Fate::Cleaned },
            repository: lookup("CI_PROJECT_URL"),
        })
    }

    /// What becomes of a folder, given from the root on, that is written to.
    #[must_use]
    pub fn fate(&self, folder: &Path) -> Option<Fate> {
        plain(folder)
            .starts_with(plain(&self.folder))
            .then_some(self.fate)
    }

    /// What to say of stores that are in the checkout: their key in the rules
    /// and where they are.
    #[must_use]
    pub fn failure(&self, fate: Fate, stores: &[(&str, &str)]) -> Failure {
        let list: Vec<String> = stores
            .iter()
            .map(|(key, location)| format!("{key} `{location}`"))
            .collect();
        let what = list.join(", ");
        let why = match fate {
            Fate::Deleted => "which is deleted with its machine",
            Fate::Cleaned => "which the next checkout cleans",
        };
        let message = format!(
            "{what}: inside the job's checkout, {why}; holds, rejections, used approvals and \
             records would be forgotten"
        );
        let repository = self.repository.as_deref();
        let repository = repository.unwrap_or("https://github.com/OWNER/NAME");
        let lines: Vec<String> = stores
            .iter()
            .map(|(key, _)| format!("`{key}: git+{repository}.git#refs/liftlock/{key}`"))
            .collect();
        let hint = format!("write {} or another place that lasts", lines.join(", "));
        Failure::new(Kind::Invalid, message).with_hint(hint)
    }
}

/// A path without `.` and `..`; links are not looked at.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const GITHUB: [(&str, &str); 4] = [
        ("GITHUB_WORKSPACE", "/builds/shop"),
        ("RUNNER_ENVIRONMENT", "github-hosted"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_REPOSITORY", "acme/shop"),
    ];

    fn lookup<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn only_what_is_in_the_checkout_goes_with_it() {
        let hosted = Workspace::github(&lookup(&GITHUB)).unwrap();
        let cases = [
            ("/builds/shop", Some(Fate::Deleted)),
            ("/builds/shop/.liftlock/state", Some(Fate::Deleted)),
            ("/builds/other/../shop/./state", Some(Fate::Deleted)),
            ("/builds/shop/../state", None),
            ("/builds/shop-state", None),
            ("/var/liftlock", None),
        ];
        for (folder, fate) in cases {
            assert_eq!(hosted.fate(Path::new(folder)), fate, "{folder}");
        }
    }

    #[test]
    fn who_keeps_the_machine_is_told_by_the_ci() {
        let folder = Path::new("/builds/shop/state");
        let kept = [
            ("GITHUB_WORKSPACE", "/builds/shop"),
            ("RUNNER_ENVIRONMENT", "self-hosted"),
        ];
        let kept = Workspace::github(&lookup(&kept)).unwrap();
        assert_eq!(kept.fate(folder), Some(Fate::Cleaned));
        assert_eq!(Workspace::github(&lookup(&[])), None);
        for (tags, fate) in [
            ("[\"saas-linux-small-amd64\"]", Fate::Deleted),
            ("[\"shop\"]", Fate::Cleaned),
        ] {
            let job = [("CI_PROJECT_DIR", "/builds/shop"), ("CI_RUNNER_TAGS", tags)];
            let job = Workspace::gitlab(&lookup(&job)).unwrap();
            assert_eq!(job.fate(folder), Some(fate), "{tags}");
        }
    }

    #[test]
    fn a_refusal_says_what_why_and_what_to_write() {
        let hosted = Workspace::github(&lookup(&GITHUB)).unwrap();
        let failure = hosted.failure(Fate::Deleted, &[("state", "file:.liftlock/state")]);
        assert_eq!(failure.kind, Kind::Invalid);
        assert_eq!(
            failure.lines().join("\n"),
            "state `file:.liftlock/state`: inside the job's checkout, which is deleted with its \
             machine; holds, rejections, used approvals and records would be forgotten"
        );
        assert_eq!(
            failure.hint.as_deref(),
            Some(
                "write `state: git+https://github.com/acme/shop.git#refs/liftlock/state` or \
                 another place that lasts"
            )
        );
    }
}
