//! A pointer that is a value in a file of a git repository.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::mark::Mark;
use super::request::Request;
use crate::digest::Digest;
use crate::edit::{Format, Path, Spot};

/// A value in a YAML, JSON or TOML file on a branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GitValue {
    /// A URL of https, ssh or file, or a path that begins with `/`, `./` or `../`.
    pub repo: String,
    /// The branch that is read and pushed to.
    pub branch: String,
    /// The file in the repository.
    pub file: String,
    /// The value in the file, such as `image.digest` or
    /// `images[name=registry.example/shop].digest`.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub path: Path,
    /// Which document of a file that has several, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<usize>,
    /// The whole value, with `{digest}` in it, such as
    /// `registry.example/shop@{digest}`; default `{digest}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub value: Option<Template>,
    /// Where else in this branch a hold is seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hold: Vec<Mark>,
    /// People move it, by merging a request; without it the commit is pushed
    /// to the branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
}

/// How many marks a hold may have beside one value.
const MOST_MARKS: usize = 16;

impl GitValue {
    /// Its name for people.
    #[must_use]
    pub fn label(&self) -> String {
        let document = self.document.map(|index| format!("[{index}]"));
        let document = document.unwrap_or_default();
        let Self {
            repo,
            branch,
            file,
            path,
            ..
        } = self;
        format!("{repo}#{branch}:{file}{document} {path}")
    }

    /// Where the value is in the file.
    #[must_use]
    pub fn spot(&self) -> Option<Spot<'_>> {
        Some(Spot {
            format: Format::of(&self.file)?,
            path: &self.path,
            document: self.document,
        })
    }

    /// What a value says: nothing where it is empty, else a digest.
    ///
    /// # Errors
    ///
    /// Fails on anything else, which nobody understands.
    pub fn understand(&self, value: &str) -> Result<Option<Digest>, Strange> {
        if value.is_empty() {
            return Ok(None);
        }
        let template = self.value.clone().unwrap_or_default();
        let digest = value
            .strip_prefix(template.before.as_str())
            .and_then(|rest| rest.strip_suffix(template.after.as_str()))
            .and_then(|digest| digest.parse().ok());
        digest.map(Some).ok_or_else(|| {
            let shown = value.chars().filter(|letter| !letter.is_control());
            Strange {
                found: shown.take(100).collect(),
                wanted: template,
            }
        })
    }

    /// The value that says this digest.
    #[must_use]
    pub fn say(&self, digest: &Digest) -> String {
        let template = self.value.clone().unwrap_or_default();
        format!("{}{digest}{}", template.before, template.after)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if !is_branch(&self.branch) {
            return Err(format!("name `{}`, which is no branch", self.branch));
        }
        if !is_file(&self.file) {
            let file = &self.file;
            return Err(format!("name `{file}`, which is no file in a repository"));
        }
        if Format::of(&self.file).is_none() {
            let file = &self.file;
            return Err(format!(
                "name `{file}`, which is neither .yaml, .yml, .json nor .toml"
            ));
        }
        if self.repo.is_empty() || self.repo.starts_with('-') {
            return Err("have a `git.repo` that is no repository".to_owned());
        }
        self.check_marks()?;
        self.check_request()
    }

    /// What one mark says, no other one and not the value takes away.
    fn check_marks(&self) -> Result<(), String> {
        if self.hold.len() > MOST_MARKS {
            return Err(format!("have more than {MOST_MARKS} marks of a hold"));
        }
        let own = (&self.file, Some(&self.path), self.document);
        let mut taken = vec![own];
        for mark in &self.hold {
            mark.check()?;
            let here = (&mark.file, mark.path.as_ref(), mark.document);
            let clash = |(file, path, document): &(&String, Option<&Path>, Option<usize>)| {
                let whole = path.is_none() || here.1.is_none();
                *file == here.0 && (whole || (*path == here.1 && *document == here.2))
            };
            if taken.iter().any(clash) {
                let label = mark.label();
                return Err(format!("have a `hold` at `{label}`, which is taken"));
            }
            taken.push(here);
        }
        Ok(())
    }

    /// Where people merge, nothing is pushed: nobody would be told of a hold.
    fn check_request(&self) -> Result<(), String> {
        let Some(request) = &self.request else {
            return Ok(());
        };
        if !self.hold.is_empty() {
            return Err("have `git.hold` beside `git.request`: a hold is pushed to the branch, which waits for no people; leave one of them out".to_owned());
        }
        request.check()
    }
}

/// The rules of `git check-ref-format`, narrowed to plain names.
fn is_branch(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
    let segment = |one: &str| {
        !one.is_empty()
            && !one.starts_with(['.', '-'])
            && !one.ends_with('.')
            && !one.ends_with(".lock")
            && !one.contains("..")
            && one.bytes().all(plain)
    };
    name.len() <= 200 && name.split('/').all(segment)
}

/// A path from the top of a repository, with nothing that leads elsewhere.
pub(super) fn is_file(path: &str) -> bool {
    let segment = |one: &str| {
        !one.is_empty() && one != "." && one != ".." && !one.eq_ignore_ascii_case(".git")
    };
    let plain = |letter: char| !letter.is_control() && letter != '"' && letter != '\\';
    path.len() <= 1_000 && path.split('/').all(segment) && path.chars().all(plain)
}

/// What stands around a digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template {
    before: String,
    after: String,
}

impl fmt::Display for Template {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{{digest}}{}", self.before, self.after)
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.to_string()
    }
}

impl TryFrom<String> for Template {
    type Error = NoTemplate;

    fn try_from(text: String) -> Result<Self, NoTemplate> {
        text.parse()
    }
}

impl FromStr for Template {
    type Err = NoTemplate;

    fn from_str(text: &str) -> Result<Self, NoTemplate> {
        let found = text.split_once("{digest}").filter(|(before, after)| {
            let plain = |letter: char| !letter.is_control() && !"{}".contains(letter);
            before.chars().all(plain) && after.chars().all(plain)
        });
        let (before, after) = found.ok_or_else(|| NoTemplate(text.to_owned()))?;
        Ok(Self {
            before: before.to_owned(),
            after: after.to_owned(),
        })
    }
}

/// No value with a digest in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` has to have `{{digest}}` in it once, and no other braces")]
pub struct NoTemplate(String);

/// A value that says something else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it says `{found}`, which is not `{wanted}`")]
pub struct Strange {
    found: String,
    wanted: Template,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn value(more: &str) -> Result<GitValue, String> {
        let text = format!("{{ repo: ../d.git, branch: main, file: v.yaml, path: a, {more} }}");
        let value: GitValue = yaml::parse(&text).map_err(|error| error.to_string())?;
        value.check()?;
        Ok(value)
    }

    #[test]
    fn a_value_is_a_digest_with_what_the_template_has_around_it() {
        let digest = Digest::of(b"x");
        let plain = value("").unwrap();
        assert_eq!(plain.understand(&digest.to_string()), Ok(Some(digest)));
        assert_eq!(plain.say(&digest), digest.to_string());
        let image = value("value: 'registry.example/shop@{digest}'").unwrap();
        let said = format!("registry.example/shop@{digest}");
        assert_eq!(image.say(&digest), said);
        assert_eq!(image.understand(&said), Ok(Some(digest)));
        assert_eq!(image.understand(""), Ok(None));
        for strange in [
            "latest",
            "registry.example/shop:v1",
            "sha256:00",
            " ",
            &digest.to_string(),
            &format!("registry.example/other@{digest}"),
            &format!("{said} "),
        ] {
            assert!(image.understand(strange).is_err(), "{strange}");
        }
        let error = plain.understand("latest").unwrap_err().to_string();
        assert_eq!(error, "it says `latest`, which is not `{digest}`");
    }

    #[test]
    fn no_mark_of_a_hold_is_where_another_one_or_the_value_is() {
        let with = |marks: &str| value(&format!("hold: [{marks}]"));
        let suspend = "{ file: f.yaml, path: s.suspend, held: true, free: false }";
        assert_eq!(with(suspend).unwrap().hold.len(), 1);
        let beside = "{ file: v.yaml, path: b, held: x, free: y }";
        let second = suspend.replace("path", "document: 1, path");
        let good = format!("{suspend}, {second}, {beside}, {{ file: hold.json }}");
        assert_eq!(with(&good).unwrap().hold.len(), 4);
        let json = "{ file: h.json, path: b, held: x, free: y }";
        for marks in [
            format!("{suspend}, {suspend}"),
            "{ file: v.yaml, path: a, held: x, free: y }".to_owned(),
            format!("{{ file: h.json }}, {json}"),
            "{ file: h.json }, { file: h.json }".to_owned(),
        ] {
            let error = with(&marks).unwrap_err();
            assert!(error.contains("which is taken"), "{marks}: {error}");
        }
        let many: Vec<String> = (0..=MOST_MARKS)
            .map(|index| format!("{{ file: h{index}.json }}"))
            .collect();
        assert!(with(&many.join(", ")).is_err());
    }

    #[test]
    fn people_have_a_day_to_merge_unless_it_is_said() {
        let of = |more: &str| {
            let text = format!("request: {{ repository: 'gitlab:acme/deploy@git.example'{more} }}");
            value(&text).unwrap().request.unwrap().within()
        };
        assert_eq!(of("").to_string(), "1d");
        assert_eq!(of(", within: 90m").to_string(), "90m");
        assert_eq!(value("").unwrap().request, None);
    }

    #[test]
    fn what_asks_nobody_or_for_no_time_is_refused() {
        let cases = [
            ("request: {}", "repository"),
            ("request: { repository: acme/deploy }", "acme/deploy"),
            (
                "request: { repository: 'github:acme/deploy', within: 0s }",
                "of nothing",
            ),
            (
                "request: { repository: 'github:acme/deploy', mrege: yes }",
                "mrege",
            ),
        ];
        for (more, why) in cases {
            let error = value(more).unwrap_err();
            assert!(error.contains(why), "{more}: {error}");
        }
    }

    #[test]
    fn a_hold_is_not_lost_beside_what_people_merge() {
        let hold = "hold: [{ file: hold.json }]";
        let request = "request: { repository: 'github:acme/deploy' }";
        assert!(value(hold).is_ok());
        assert!(value(request).is_ok());
        let error = value(&format!("{hold}, {request}")).unwrap_err();
        assert!(error.contains("`git.hold` beside `git.request`"), "{error}");
    }

    #[test]
    fn what_is_no_place_or_template_is_refused() {
        let cases = [
            ("value: latest", "`latest` has to have"),
            ("value: '{image}@{digest}'", "no other braces"),
            ("value: '{digest}{digest}'", "no other braces"),
            ("document: -1", "line 1"),
            ("branhc: x", "did you mean `branch`"),
        ];
        for (more, why) in cases {
            let error = value(more).unwrap_err();
            assert!(error.contains(why), "{more}: {error}");
        }
        let with = |change: &dyn Fn(&mut GitValue)| {
            let mut value = value("").unwrap();
            change(&mut value);
            value.check()
        };
        for branch in [
            "",
            "-x",
            "a..b",
            "a/",
            "/a",
            "a.lock",
            "a b",
            "refs/heads/x:y",
            "a\n",
        ] {
            assert!(
                with(&|value| value.branch = branch.to_owned()).is_err(),
                "{branch}"
            );
        }
        for file in [
            "",
            "/v.yaml",
            "../v.yaml",
            "a//v.yaml",
            ".git/v.yaml",
            "a/.GIT/v.json",
            "v.txt",
            "v",
            "a\n.yaml",
            "\"a.yaml",
            "./v.yaml",
        ] {
            assert!(
                with(&|value| value.file = file.to_owned()).is_err(),
                "{file}"
            );
        }
        assert!(with(&|value| value.repo = "--upload-pack=x".to_owned()).is_err());
        assert!(with(&|value| value.branch = "feature/x_1.2".to_owned()).is_ok());
        assert!(with(&|value| value.file = "apps/my shop/v.yml".to_owned()).is_ok());
    }
}
