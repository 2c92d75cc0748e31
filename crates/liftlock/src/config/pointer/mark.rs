//! Where a hold is seen in git, beside a value that a target moves.

use serde::{Deserialize, Serialize};

use super::git::is_file;
use crate::edit::{Format, Path, Scalar, Spot};

/// A file, or a value in one, that says whether automation may move the
/// environment; in the repository and on the branch of the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Mark {
    /// The file in the repository: without `path` a file of JSON that is
    /// written as a whole.
    pub file: String,
    /// A value in the file, such as `spec.suspend`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub path: Option<Path>,
    /// Which document of a file that has several, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<usize>,
    /// What the value says while the environment is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Scalar>,
    /// What it says else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free: Option<Scalar>,
}

/// What a mark is.
#[derive(Clone, Copy, Debug)]
pub enum Shape<'a> {
    /// A file of ours.
    File,
    /// A value in somebody else's file.
    Value {
        /// Where it is.
        spot: Spot<'a>,
        /// What it says while the environment is held.
        held: &'a Scalar,
        /// What it says else.
        free: &'a Scalar,
    },
}

impl Mark {
    /// What it is; nothing where its fields do not fit each other.
    #[must_use]
    pub fn shape(&self) -> Option<Shape<'_>> {
        match (&self.path, &self.held, &self.free, self.document) {
            (None, None, None, None) if self.file.ends_with(".json") => Some(Shape::File),
            (Some(path), Some(held), Some(free), document) if held != free => Some(Shape::Value {
                spot: Spot {
                    format: Format::of(&self.file)?,
                    path,
                    document,
                },
                held,
                free,
            }),
            _ => None,
        }
    }

    /// Its name in messages of commits: file, document and path.
    #[must_use]
    pub fn label(&self) -> String {
        let document = self.document.map(|index| format!("[{index}]"));
        let path = self.path.as_ref().map(|path| format!(" {path}"));
        format!(
            "{}{}{}",
            self.file,
            document.unwrap_or_default(),
            path.unwrap_or_default()
        )
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let file = &self.file;
        if !is_file(file) {
            return Err(format!("name `{file}`, which is no file in a repository"));
        }
        match self.shape() {
            Some(_) => Ok(()),
            None if self.path.is_none() => Err(format!(
                "have a `hold` in `{file}` without `path`: then it is a file that ends with .json, and has no `document`, `held` or `free`"
            )),
            None if Format::of(file).is_none() => Err(format!(
                "name `{file}`, which is neither .yaml, .yml, .json nor .toml"
            )),
            None => Err(format!(
                "have a `hold` in `{file}` with a `path`: then it needs `held` and `free`, and they differ"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn read(text: &str) -> Result<Mark, String> {
        let mark: Mark = yaml::parse(text).map_err(|error| error.to_string())?;
        mark.check()?;
        Ok(mark)
    }

    #[test]
    fn a_mark_is_a_file_or_a_value_with_both_of_its_words() {
        let good = [
            ("file: apps/hold.json", "apps/hold.json"),
            (
                "{ file: f.yaml, path: spec.suspend, held: true, free: false }",
                "f.yaml spec.suspend",
            ),
            (
                "{ file: f.yml, document: 1, path: 'a[\"b.c/d\"]', held: '*', free: '' }",
                "f.yml[1] a[\"b.c/d\"]",
            ),
        ];
        for (text, label) in good {
            assert_eq!(read(text).unwrap().label(), label);
        }
        for (text, why) in [
            ("file: hold.yaml", "ends with .json"),
            ("{ file: hold.json, held: true }", "no `document`, `held`"),
            ("{ file: hold.json, document: 0 }", "no `document`"),
            ("file: ../hold.json", "no file in a repository"),
            (
                "{ file: f.yaml, path: a, held: true }",
                "needs `held` and `free`",
            ),
            ("{ file: f.yaml, path: a, held: x, free: x }", "they differ"),
            (
                "{ file: f.txt, path: a, held: x, free: y }",
                "neither .yaml",
            ),
            ("{ file: f.yaml, path: a, held: 1, free: 2 }", "line 1"),
            ("{ file: f.yaml, pth: a }", "did you mean `path`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
