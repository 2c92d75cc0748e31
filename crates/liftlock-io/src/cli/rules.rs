//! Finds and reads the rules of a run: `liftlock.yaml` and the policy above it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use liftlock::config::effective::Rules;
use liftlock::config::foreign::Sigstore;
use liftlock::config::tighten::{Loosened, tighten};
use liftlock::config::trust::{DatedKey, Person};
use liftlock::config::whole::Unsound;
use liftlock::config::{ParseError, Service, parse};
use liftlock::crypto::{self, PublicKey};
use liftlock::digest::Digest;
use liftlock::failure::{Explain, Failure, Kind};
use liftlock::name::Name;
use liftlock::report::{Mode, PolicyOrigin};
use liftlock::sigstore::anchors;
use liftlock::{ssh, yaml};

use super::Session;
use crate::git::Git;
use crate::{env, file, store};

/// Where `liftlock.yaml` is looked for.
const PLACES: [&str; 3] = [
    "liftlock.yaml",
    ".github/liftlock.yaml",
    ".gitlab/liftlock.yaml",
];

/// The setting that names the policy; protected by the CI, never by the change.
const SETTING: &str = "LIFTLOCK_POLICY";

/// The most bytes of a trusted root; the public one has seven thousand.
const LARGEST_ROOT: u64 = 1024 * 1024;

/// The most bytes of a list of allowed signers: some thousand keys.
const LARGEST_LIST: u64 = 1024 * 1024;

/// Bytes of a file together with how to read those it names.
struct Source {
    label: String,
    text: String,
    origin: Origin,
}

enum Origin {
    Folder(PathBuf),
    Git {
        clone: tempfile::TempDir,
        path: String,
    },
}

impl Session {
    /// The rules of this run; `None` where neither file nor policy is there.
    ///
    /// # Errors
    ///
    /// Fails when a file is unreadable or invalid, when it loosens the policy,
    /// and when the policy forbids the mode asked for.
    pub fn rules(&self) -> Result<Option<Rules>, Failure> {
        let Some((rules, label)) = self.found()? else {
            return Ok(None);
        };
        rules.check().map_err(|error| unsound(&label, error))?;
        Ok(Some(rules))
    }

    /// The same for a way back: what could not work on the way up, maybe in
    /// another environment, is told and holds nothing up.
    ///
    /// # Errors
    ///
    /// Fails as [`Session::rules`] does, but not where the whole cannot work.
    pub fn rules_of_a_way_back(&self) -> Result<Option<Rules>, Failure> {
        let Some((rules, label)) = self.found()? else {
            return Ok(None);
        };
        if let Err(error) = rules.check() {
            tracing::warn!("{}", unsound(&label, error).lines().join(": "));
        }
        Ok(Some(rules))
    }

    /// The rules as they are written, and what they are called.
    fn found(&self) -> Result<Option<(Rules, String)>, Failure> {
        let local = self.local_file()?;
        let policy = env::var(SETTING).map(|place| fetch(&place)).transpose()?;
        let (rules, label) = match (policy, local) {
            (None, None) => return Ok(None),
            (None, Some(local)) => {
                let service = self.read(&local)?;
                let digest = local.digest(&service);
                let rules = self.resolve(service, digest, PolicyOrigin::Local);
                (rules, local.label)
            }
            (Some(policy), local) => {
                let above = self.read(&policy)?;
                let below = local.as_ref().map(|local| self.read(local)).transpose()?;
                let merged = tighten(&above, below.unwrap_or_default()).map_err(loosened)?;
                let digest = policy.digest(&merged);
                let label = match local {
                    Some(local) => format!("{}` under `{}", local.label, policy.label),
                    None => policy.label,
                };
                (self.resolve(merged, digest, PolicyOrigin::Protected), label)
            }
        };
        let rules = rules.map_err(|error| unsound(&label, error))?;
        self.ruled.get_or_init(|| rules.service.clone());
        if self.mode == Mode::Observe && rules.allow.observe == Some(false) {
            return Err(no_observing());
        }
        Ok(Some((rules, label)))
    }

    /// Refuses to observe where the policy does not allow it, also in runs
    /// that need no rules. A policy that cannot be read allows nothing.
    pub(super) fn may_observe(&self) -> Result<(), Failure> {
        let Some(place) = env::var(SETTING).filter(|_| self.mode == Mode::Observe) else {
            return Ok(());
        };
        let policy = self.read(&fetch(&place)?)?;
        match policy.allow.and_then(|allow| allow.observe) {
            Some(false) => Err(no_observing()),
            Some(true) | None => Ok(()),
        }
    }

    fn resolve(
        &self,
        mut service: Service,
        digest: Digest,
        origin: PolicyOrigin,
    ) -> Result<Rules, Unsound> {
        if service.service.is_none() {
            service.service.clone_from(&self.service);
        }
        Rules::new(service, digest, origin)
    }

    fn local_file(&self) -> Result<Option<Source>, Failure> {
        let path = match &self.config {
            Some(path) => Some(path.clone()),
            None if self.no_config => None,
            None => {
                let mut there = None;
                for place in PLACES.map(PathBuf::from) {
                    if there.is_none() && file::exists(&place)? {
                        there = Some(place);
                    }
                }
                there
            }
        };
        path.map(|path| from_file(&path)).transpose()
    }

    fn read(&self, source: &Source) -> Result<Service, Failure> {
        let mut service =
            parse(&source.text, self.service.as_ref()).map_err(|cause| Error::Parse {
                label: source.label.clone(),
                source: cause,
            })?;
        load_keys(&mut service, source)?;
        load_root(&mut service, source)?;
        Ok(service)
    }
}

fn no_observing() -> Failure {
    Failure::new(Kind::Invalid, "the policy does not allow `--mode observe`")
        .with_hint("run without `--mode observe`")
}

fn from_file(path: &Path) -> Result<Source, Failure> {
    let limit = u64::try_from(yaml::LARGEST).unwrap_or(u64::MAX);
    Ok(Source {
        label: path.display().to_string(),
        text: file::read_text(path, limit)?,
        origin: Origin::Folder(path.parent().unwrap_or(Path::new("")).to_owned()),
    })
}

/// Reads the policy: `file:PATH` or `git+URL@REF#PATH`.
fn fetch(place: &str) -> Result<Source, Failure> {
    if let Some(path) = place.strip_prefix("file:") {
        return from_file(Path::new(path));
    }
    let parts = place
        .strip_prefix("git+")
        .and_then(|rest| rest.rsplit_once('#'))
        .and_then(|(rest, path)| rest.rsplit_once('@').map(|(url, name)| (url, name, path)))
        .filter(|(url, name, path)| {
            let plain = |text: &str| !text.is_empty() && !text.starts_with('-');
            store::is_url(url) && plain(name) && plain(path)
        });
    let Some((url, name, path)) = parts else {
        return Err(Error::Place(without_password(place)).into());
    };
    let clone = tempfile::tempdir()
        .map_err(|error| Failure::because(Kind::of_system(&error), "no temporary folder", error))?;
    let git = git(clone.path());
    git.ask(&["init", "--quiet", "--bare"], b"")?;
    git.ask(&["fetch", "--quiet", "--depth", "1", "--", url, name], b"")
        .map_err(|error| Failure::above(format!("cannot fetch the policy `{place}`"), error))?;
    let text = show(&git, path, place)?;
    Ok(Source {
        label: place.to_owned(),
        text,
        origin: Origin::Git {
            clone,
            path: path.to_owned(),
        },
    })
}

/// The text without what stands before the host of a URL in it.
fn without_password(place: &str) -> String {
    let Some((scheme, rest)) = place.split_once("://") else {
        return place.to_owned();
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match host.rsplit_once('@') {
        Some((user, host)) if user.contains(':') => format!("{scheme}://…@{host}{path}"),
        Some(_) | None => place.to_owned(),
    }
}

fn git(folder: &Path) -> Git {
    let limit = u64::try_from(yaml::LARGEST).unwrap_or(u64::MAX);
    Git::new(folder, Duration::from_secs(60), limit)
}

fn show(git: &Git, path: &str, label: &str) -> Result<String, Failure> {
    let bytes = git
        .ask(&["show", &format!("FETCH_HEAD:{path}")], b"")
        .map_err(|error| Failure::above(format!("cannot read `{path}` of `{label}`"), error))?;
    String::from_utf8(bytes).map_err(|_error: std::string::FromUtf8Error| {
        Failure::new(Kind::Invalid, format!("`{path}` of `{label}` is not text"))
    })
}

/// Reads every `key-file` beside the file that names it.
fn load_keys(service: &mut Service, source: &Source) -> Result<(), Failure> {
    let trusted = service.trust.iter_mut().flatten();
    let people = service.people.iter_mut().flatten();
    let keys = trusted
        .flat_map(|trusted| trusted.keys.iter_mut())
        .chain(people.flat_map(|(_, person)| person.keys.iter_mut()));
    for dated in keys {
        load_key(dated, source)?;
    }
    for (id, person) in service.people.iter_mut().flatten() {
        load_signers(id, person, source)?;
    }
    service.check_keys().map_err(|cause| Error::Parse {
        label: source.label.clone(),
        source: cause,
    })?;
    Ok(())
}

fn load_key(dated: &mut DatedKey, source: &Source) -> Result<(), Failure> {
    let Some(name) = dated.key_file.take() else {
        return Ok(());
    };
    let (label, text) = source.beside(&name, 64 * 1024)?;
    let key = PublicKey::from_text(&text).map_err(|cause| Error::Key {
        label,
        source: cause,
    })?;
    dated.key = Some(key);
    Ok(())
}

/// Reads the list of allowed signers beside the file that names it.
fn load_signers(id: &Name, person: &mut Person, source: &Source) -> Result<(), Failure> {
    let Some(name) = person.allowed_signers.take() else {
        return Ok(());
    };
    let (label, text) = source.beside(&name, LARGEST_LIST)?;
    let taken = person.take_signers(id, &text);
    taken.map_err(|cause| Error::Signers {
        label,
        source: cause,
    })?;
    Ok(())
}

/// Reads the trusted root beside the file that names it.
fn load_root(service: &mut Service, source: &Source) -> Result<(), Failure> {
    let Some(sigstore) = &mut service.sigstore else {
        return Ok(());
    };
    let Some(name) = &sigstore.trusted_root else {
        return Ok(());
    };
    let (label, text) = source.beside(name, LARGEST_ROOT)?;
    sigstore
        .take(text.as_bytes())
        .map_err(|cause| Error::Root {
            label,
            source: cause,
        })?;
    Ok(())
}

/// Names the files whose rules cannot work.
fn unsound(label: &str, error: Unsound) -> Failure {
    let (kind, hint) = (error.kind(), error.hint());
    let mut failure = Failure::because(kind, format!("cannot use `{label}`"), error);
    failure.hint = hint;
    failure
}

fn loosened(error: Loosened) -> Failure {
    Failure::from(Error::Loosened(error))
        .with_hint("remove the field from the file, or have the policy changed by its owners")
}

impl Source {
    /// A file that this one names, relative to it, with what to call it.
    fn beside(&self, name: &Path, limit: u64) -> Result<(String, String), Failure> {
        match &self.origin {
            Origin::Folder(folder) => {
                let path = folder.join(name);
                let text = file::read_text(&path, limit)?;
                Ok((path.display().to_string(), text))
            }
            Origin::Git { clone, path } => {
                let folder = Path::new(path).parent().unwrap_or(Path::new(""));
                let beside = folder.join(name).to_string_lossy().into_owned();
                let text = show(&git(clone.path()), &beside, &self.label)?;
                Ok((beside, text))
            }
        }
    }

    fn digest(&self, service: &Service) -> Digest {
        Sigstore::policy_digest(service.sigstore.as_ref(), self.text.as_bytes())
    }
}

/// Why there are no rules.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot understand `{label}`")]
    Parse { label: String, source: ParseError },
    #[error(
        "`{SETTING}` is `{0}`: expected file:PATH or git+URL@REF#PATH, with a URL of https, ssh or file that holds no password"
    )]
    Place(String),
    #[error("the configuration loosens the policy")]
    Loosened(#[source] Loosened),
    #[error("`{label}` is no public key that can be used")]
    Key {
        label: String,
        source: crypto::ParseError,
    },
    #[error("`{label}` is no list of allowed signers that can be used")]
    Signers {
        label: String,
        source: ssh::SignersError,
    },
    #[error("`{label}` is no trusted root that can be used")]
    Root {
        label: String,
        source: anchors::ParseError,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_comes_only_from_where_nobody_can_swap_it() {
        let bad = [
            "git+http://git.example/policy.git@main#policy.yaml",
            "git+https://user:s3cret@git.example/policy.git@main#policy.yaml",
            "git+ext::sh -c id@main#policy.yaml",
            "git+https://git.example/policy.git@--upload-pack=id#policy.yaml",
            "git+https://git.example/policy.git#policy.yaml",
            "policy.yaml",
            "https://user:s3cret@git.example",
        ];
        for place in bad {
            let failure = fetch(place).err().unwrap();
            assert_eq!(failure.kind, Kind::Invalid, "{place}");
            assert!(!failure.lines().join(" ").contains("s3cret"));
        }
    }
}
