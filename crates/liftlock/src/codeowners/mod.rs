//! CODEOWNERS of GitHub and GitLab: who owns which paths. A line that a forge
//! would pass over in silence is refused here, as it may un-own what it names.
//!
//! Sources: GitHub's "About code owners"; GitLab's "Syntax of CODEOWNERS file"
//! and "Advanced CODEOWNERS configuration" (GitLab 18).

mod line;
mod pattern;

use std::collections::BTreeSet;
use std::fmt;

use crate::failure::{Explain, Kind};
use pattern::Pattern;

/// A file has to be smaller, in bytes: GitHub loads none of 3 MB or more, and
/// this is the smaller reading of that.
pub const LARGEST: usize = 3_000_000;

/// The most pairs of a rule and a path that are compared in one question.
pub const MOST_PAIRS: usize = 20_000_000;

/// The longest path, in bytes (`PATH_MAX` of Linux).
const LONGEST_PATH: usize = 4_096;

/// Whose rules a file follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// One list in which the last match wins; patterns as of gitignore, without
    /// `!`, classes in brackets and `\#`.
    GitHub,
    /// Sections, each with its own last match; patterns as of fnmatch.
    GitLab,
}

impl Dialect {
    /// Where the forge looks for the file, in this order; it reads the first
    /// that is there.
    #[must_use]
    pub const fn places(self) -> [&'static str; 3] {
        match self {
            Self::GitHub => [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"],
            Self::GitLab => ["CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"],
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) | Self::Group(name) => write!(formatter, "@{name}"),
            Self::Email(address) => formatter.write_str(address),
            Self::Role(Role::Developer) => formatter.write_str("@@developer"),
            Self::Role(Role::Maintainer) => formatter.write_str("@@maintainer"),
            Self::Role(Role::Owner) => formatter.write_str("@@owner"),
        }
    }
}

/// Who may own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// `@name`: a user; on GitLab a user or a group.
    Name(String),
    /// `@org/team`, or GitLab's `@group/subgroup`, without the `@`.
    Group(String),
    /// An address of a user.
    Email(String),
    /// GitLab's `@@developer`, `@@maintainer`, `@@owner`: whoever has that role
    /// in the project, exactly.
    Role(Role),
}

/// A role in a project of GitLab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Developers.
    Developer,
    /// Maintainers.
    Maintainer,
    /// Owners.
    Owner,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codeowners {
    sections: Vec<Section>,
}

/// A part that decides by itself; what stands before the first heading, and all
/// of a file of GitHub, is one without a name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Section {
    name: Option<String>,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    /// From 1.
    line: usize,
    text: String,
    pattern: Pattern,
    effect: Effect,
    approvals: u32,
    optional: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Effect {
    /// By these; by nobody where there is none.
    Owned(Vec<Owner>),
    /// Not by anybody of the section, whatever else it says.
    Excluded,
}

/// A rule that decides about some of the paths asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned<'a> {
    /// The section's name; none where it has none.
    pub section: Option<&'a str>,
    /// The line of the rule, from 1.
    pub line: usize,
    /// The pattern as it is written.
    pub pattern: &'a str,
    /// Who owns the paths; never empty.
    pub owners: &'a [Owner],
    /// How many of them have to approve; at least 1.
    pub approvals: u32,
    /// Whether the section may go without.
    pub optional: bool,
    /// The paths, in the order asked.
    pub paths: Vec<&'a str>,
}

/// Who owns the paths asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership<'a> {
    /// The rules that decide, section by section, in the order of the file.
    pub rules: Vec<Owned<'a>>,
    /// The paths that nobody owns in any section.
    pub unowned: Vec<&'a str>,
}

impl Codeowners {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Fails on 3 MB or more, and on every line that the forge passes over or
    /// guesses at, with its number: patterns that it does not know, owners
    /// that are none, headings that are none.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Self, ParseError> {
        if text.len() >= LARGEST {
            return Err(ParseError::TooLarge(text.len()));
        }
        let mut sections = vec![Section {
            name: None,
            rules: Vec::new(),
        }];
        let mut heading = line::Heading::default();
        let mut current = 0;
        for (at, text) in text.lines().enumerate() {
            let number = at + 1;
            let wrong = |why| ParseError::Line { number, why };
            match line::parse(text, dialect).map_err(wrong)? {
                line::Line::Nothing => {}
                line::Line::Heading(found) => {
                    current = place(&mut sections, &found.name);
                    heading = found;
                }
                line::Line::Entry(entry) => {
                    let rule = rule(number, entry, &heading, dialect).map_err(wrong)?;
                    if let Some(section) = sections.get_mut(current) {
                        section.rules.push(rule);
                    }
                }
            }
        }
        Ok(Self { sections })
    }

    /// Who owns these paths, relative to the root of the repository, with `/`
    /// between folders.
    ///
    /// # Errors
    ///
    /// Fails on a path that begins or ends with `/`, has empty, `.` or `..`
    /// parts or more than 4096 bytes; and on more than 20 million pairs of a
    /// rule and a path.
    pub fn owners<'a>(&'a self, paths: &[&'a str]) -> Result<Ownership<'a>, AskError> {
        let rules: usize = self.sections.iter().map(|one| one.rules.len()).sum();
        if rules.saturating_mul(paths.len()) > MOST_PAIRS {
            return Err(AskError::TooMany(rules, paths.len()));
        }
        let paths: Vec<(&str, Vec<&str>)> = paths
            .iter()
            .map(|path| Ok((*path, parts(path)?)))
            .collect::<Result<_, AskError>>()?;
        let mut found = Vec::new();
        let mut owned = BTreeSet::new();
        for section in &self.sections {
            let optional = section.rules.iter().all(|rule| rule.optional);
            for (rule, owners, paths) in section.decide(&paths) {
                owned.extend(paths.iter().copied());
                found.push(Owned {
                    section: section.name.as_deref(),
                    line: rule.line,
                    pattern: &rule.text,
                    owners,
                    approvals: rule.approvals,
                    optional,
                    paths,
                });
            }
        }
        let left = paths.iter().map(|(path, _)| *path);
        Ok(Ownership {
            rules: found,
            unowned: left.filter(|path| !owned.contains(path)).collect(),
        })
    }
}

impl Section {
    /// The rules with owners that decide about some of the paths.
    fn decide<'a>(
        &'a self,
        paths: &[(&'a str, Vec<&'a str>)],
    ) -> impl Iterator<Item = (&'a Rule, &'a [Owner], Vec<&'a str>)> {
        let mut taken: Vec<Vec<&str>> = vec![Vec::new(); self.rules.len()];
        for (path, parts) in paths {
            let last = self.last(parts).and_then(|at| taken.get_mut(at));
            if let Some(paths) = last {
                paths.push(*path);
            }
        }
        let both = self.rules.iter().zip(taken);
        both.filter_map(|(rule, paths)| match &rule.effect {
            Effect::Owned(owners) if !owners.is_empty() && !paths.is_empty() => {
                Some((rule, owners.as_slice(), paths))
            }
            Effect::Owned(_) | Effect::Excluded => None,
        })
    }

    /// Where the last rule is that a path fits; none where one excludes it.
    fn last(&self, parts: &[&str]) -> Option<usize> {
        let mut last = None;
        for (at, rule) in self.rules.iter().enumerate().rev() {
            let excludes = rule.effect == Effect::Excluded;
            if (last.is_none() || excludes) && rule.pattern.matches(parts) {
                if excludes {
                    return None;
                }
                last = Some(at);
            }
        }
        last
    }
}

/// The section of a name, in any case; a new one where there is none. GitLab
/// calls the one without a name `codeowners`.
fn place(sections: &mut Vec<Section>, name: &str) -> usize {
    const UNNAMED: &str = "codeowners";
    let wanted = name.to_lowercase();
    let known = sections
        .iter()
        .position(|section| section.name.as_deref().unwrap_or(UNNAMED).to_lowercase() == wanted);
    known.unwrap_or_else(|| {
        sections.push(Section {
            name: Some(name.to_owned()),
            rules: Vec::new(),
        });
        sections.len() - 1
    })
}

fn rule(
    number: usize,
    entry: line::Entry,
    heading: &line::Heading,
    dialect: Dialect,
) -> Result<Rule, Why> {
    let pattern = match dialect {
        Dialect::GitHub => Pattern::github(&entry.pattern)?,
        Dialect::GitLab => Pattern::gitlab(&entry.pattern)?,
    };
    let effect = match entry.owners {
        line::Owners::Excluded => Effect::Excluded,
        line::Owners::Said(owners) if owners.is_empty() => Effect::Owned(heading.owners.clone()),
        line::Owners::Said(owners) => Effect::Owned(owners),
    };
    Ok(Rule {
        line: number,
        text: entry.pattern,
        pattern,
        effect,
        approvals: heading.approvals.max(1),
        optional: heading.optional,
    })
}

fn parts(path: &str) -> Result<Vec<&str>, AskError> {
    let parts: Vec<&str> = path.split('/').collect();
    let strange = |part: &&str| matches!(*part, "" | "." | "..");
    if path.len() > LONGEST_PATH || parts.iter().any(strange) {
        return Err(AskError::Path(path.chars().take(200).collect()));
    }
    Ok(parts)
}

/// The text is no CODEOWNERS file that can be relied on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// No forge reads it.
    #[error("{0} bytes are not less than the {LARGEST} of a CODEOWNERS file")]
    TooLarge(usize),
    /// A line that would be passed over or guessed at.
    #[error("line {number}: {why}")]
    Line {
        /// Which, from 1.
        number: usize,
        /// Why.
        why: Why,
    },
}

impl Explain for ParseError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Not an owner.
    #[error("`{0}` is no owner: expected `@name`, `@group/name` or an e-mail address")]
    Owner(String),
    /// GitLab's excluded paths have no owners.
    #[error("`{0}` excludes paths, and so has no owners")]
    ExcludedOwners(String),
    /// Not a heading, although it begins like one.
    #[error("`{0}` is no heading of a section: expected `[Name]`, `^[Name]` or `[Name][2]`")]
    Heading(String),
    /// Not in this dialect.
    #[error("the pattern `{0}` has {1}")]
    Pattern(String, &'static str),
}

/// The question cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Not as git writes paths.
    #[error("`{0}` is no path below the root of a repository, of at most {LONGEST_PATH} bytes")]
    Path(String),
    /// It would take too long.
    #[error("{0} rules and {1} paths are more than {MOST_PAIRS} pairs")]
    TooMany(usize, usize),
}

impl Explain for AskError {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

#[cfg(test)]
mod tests;
