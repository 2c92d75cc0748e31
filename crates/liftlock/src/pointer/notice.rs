//! What is said of a hold beside a value in git: never over somebody else's
//! words.

use serde::{Deserialize, Serialize};

use crate::config::pointer::{Mark, Shape};
use crate::digest::Digest;
use crate::failure::{Failure, Kind};
use crate::json;
use crate::name::Name;
use crate::release::Reference;
use crate::time::Time;

/// The major version that this code writes and reads.
pub const SCHEMA_VERSION: u32 = 1;

/// Whether automation may move an environment, as a file in git says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Notice {
    /// Major version of this format.
    pub schema_version: u32,
    /// The service.
    pub service: Name,
    /// The environment.
    pub environment: Name,
    /// Whether it is held: then nothing but people may move it.
    pub held: bool,
    /// Since when.
    pub since: Time,
    /// Who placed or lifted the hold.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The release that it is held at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Named>,
}

/// A release by name and digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Named {
    /// What people call it.
    pub id: String,
    /// The digest of its `release.json`.
    pub digest: Digest,
}

impl From<&Reference> for Named {
    fn from(release: &Reference) -> Self {
        Self {
            id: release.id.clone(),
            digest: release.digest,
        }
    }
}

/// What is to be done with a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// It says so already.
    Nothing,
    /// Its file is to have these bytes.
    Write(Vec<u8>),
    /// Its file is to have these bytes, but only where a hold of ours is why it
    /// says what it says.
    Restore(Vec<u8>),
    /// It is somebody else's, and why.
    Strange(String),
}

impl Notice {
    /// Reads what a file says. Unknown fields are tolerated, newer majors are
    /// not.
    ///
    /// # Errors
    ///
    /// Fails on malformed JSON and on another major version.
    pub fn parse(bytes: &[u8]) -> Result<Self, json::Unread> {
        json::versioned(bytes, SCHEMA_VERSION)
    }

    /// As [`Notice::parse`], about this environment.
    ///
    /// # Errors
    ///
    /// Fails with why it is none.
    pub fn about(bytes: &[u8], (service, environment): (&Name, &Name)) -> Result<Self, String> {
        let found = Self::parse(bytes).map_err(|error| {
            let failure = Failure::because(Kind::Invalid, "it is no notice of a hold", error);
            failure.lines().join(": ")
        })?;
        if (&found.service, &found.environment) == (service, environment) {
            return Ok(found);
        }
        Err(format!(
            "it is about {}/{}",
            found.service, found.environment
        ))
    }

    /// What is to be done so that a mark says this; of its file, what is there.
    #[must_use]
    pub fn due(&self, mark: &Mark, file: Option<&[u8]>) -> Due {
        match (mark.shape(), file) {
            (None, _) => Due::Strange("its fields do not fit each other".to_owned()),
            (Some(Shape::File), file) => self.whole(file),
            (Some(Shape::Value { .. }), None) => Due::Strange("there is no such file".to_owned()),
            (Some(Shape::Value { spot, held, free }), Some(bytes)) => {
                let (now, then) = match self.held {
                    true => (free, held),
                    false => (held, free),
                };
                let found = match spot.scalar(bytes) {
                    Ok(found) => found,
                    Err(error) => return Due::Strange(error.to_string()),
                };
                if found == *then {
                    return Due::Nothing;
                }
                if found != *now {
                    return Due::Strange(format!("it is {found}, neither {held} nor {free}"));
                }
                match spot.set(bytes, then) {
                    Ok(changed) if self.held => Due::Write(changed),
                    Ok(changed) => Due::Restore(changed),
                    Err(error) => Due::Strange(error.to_string()),
                }
            }
        }
    }

    fn whole(&self, file: Option<&[u8]>) -> Due {
        let found = match file.map(|bytes| Self::about(bytes, (&self.service, &self.environment))) {
            None => None,
            Some(Ok(found)) => Some(found),
            Some(Err(why)) => return Due::Strange(why),
        };
        let is_held = found.as_ref().is_some_and(|found| found.held);
        let says_so = found.as_ref() == Some(self) || (!self.held && !is_held);
        if says_so {
            return Due::Nothing;
        }
        match serde_json::to_vec_pretty(self) {
            Ok(mut bytes) => {
                bytes.push(b'\n');
                Due::Write(bytes)
            }
            Err(error) => Due::Strange(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn notice(held: bool) -> Notice {
        Notice {
            schema_version: SCHEMA_VERSION,
            service: "shop".parse().unwrap(),
            environment: "production".parse().unwrap(),
            held,
            since: Time::from_unix_millis(0).unwrap(),
            by: "alice".to_owned(),
            reason: "complaints \"\n".to_owned(),
            release: None,
        }
    }

    fn mark(text: &str) -> Mark {
        yaml::parse(text).unwrap()
    }

    #[test]
    fn somebody_elses_words_are_never_written_over() {
        let value = mark("{ file: f.yaml, path: s, held: true, free: false }");
        let file = mark("file: hold.json");
        let other = serde_json::to_vec(&Notice {
            environment: "staging".parse().unwrap(),
            ..notice(true)
        });
        let other = other.unwrap();
        let cases: [(&Mark, Option<&[u8]>, &str); 9] = [
            (&value, None, "no such file"),
            (&value, Some(b"s: maybe\n"), "neither true nor false"),
            (&value, Some(b"s: 'true'\n"), "it is \"true\", neither"),
            (&value, Some(b"s: &x false\n"), "has an anchor"),
            (&value, Some(b"t: false\n"), "there is no `s`"),
            (&file, Some(b"{}"), "no notice of a hold"),
            (
                &file,
                Some(b"{\"schema_version\": 2}"),
                "`schema_version` 2",
            ),
            (
                &file,
                Some(b"{\"schema_version\": 1, \"held\": true}"),
                "is missing",
            ),
            (&file, Some(&other), "it is about shop/staging"),
        ];
        for (mark, bytes, why) in cases {
            for held in [true, false] {
                let due = notice(held).due(mark, bytes);
                let told = matches!(&due, Due::Strange(told) if told.contains(why));
                assert!(told, "{why}: {due:?}");
            }
        }
    }

    #[test]
    fn a_value_is_set_and_restored_and_never_twice() {
        let mark = mark("{ file: f.yaml, path: s, held: true, free: false }");
        let (free, held): (&[u8], &[u8]) = (b"s: false # x\n", b"s: true # x\n");
        let cases = [
            (true, free, Due::Write(held.to_vec())),
            (true, held, Due::Nothing),
            (false, held, Due::Restore(free.to_vec())),
            (false, free, Due::Nothing),
        ];
        for (say, bytes, due) in cases {
            assert_eq!(notice(say).due(&mark, Some(bytes)), due, "{say}");
        }
    }

    #[test]
    fn a_file_says_who_holds_and_why_and_then_who_lifted_it() {
        let mark = mark("file: hold.json");
        assert_eq!(notice(false).due(&mark, None), Due::Nothing);
        let Due::Write(held) = notice(true).due(&mark, None) else {
            panic!("nothing was written");
        };
        assert_eq!(Notice::parse(&held).unwrap(), notice(true));
        assert!(held.ends_with(b"}\n"));
        assert_eq!(notice(true).due(&mark, Some(&held)), Due::Nothing);
        let Due::Write(free) = notice(false).due(&mark, Some(&held)) else {
            panic!("nothing was written");
        };
        let later = Notice {
            since: Time::from_unix_millis(9).unwrap(),
            ..notice(false)
        };
        assert_eq!(later.due(&mark, Some(&free)), Due::Nothing);
        let anew = Notice {
            reason: "another".to_owned(),
            ..notice(true)
        };
        assert!(matches!(anew.due(&mark, Some(&held)), Due::Write(_)));
    }
}
