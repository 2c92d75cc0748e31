//! One line of a CODEOWNERS file.

use super::{Dialect, Owner, Role, Why};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Empty, or a comment.
    Nothing,
    /// The beginning of a section.
    Heading(Heading),
    /// A pattern with its owners.
    Entry(Entry),
}

/// What a section says of all its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Heading {
    pub(super) name: String,
    pub(super) optional: bool,
    /// 0 where nothing is said.
    pub(super) approvals: u32,
    pub(super) owners: Vec<Owner>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// As written, without GitLab's `!`.
    pub(super) pattern: String,
    pub(super) owners: Owners,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owners {
    Said(Vec<Owner>),
    Excluded,
}

pub(super) fn parse(line: &str, dialect: Dialect) -> Result<Line, Why> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(Line::Nothing);
    }
    let heading = line.starts_with('[') || line.starts_with("^[");
    if dialect == Dialect::GitLab && heading {
        let wrong = || Why::Heading(line.chars().take(200).collect());
        let heading = self::heading(line)?.ok_or_else(wrong)?;
        return Ok(Line::Heading(heading));
    }
    let (pattern, rest) = split(line);
    let owners = owners(rest, dialect)?;
    let excluded = match dialect {
        Dialect::GitHub => None,
        Dialect::GitLab => pattern.strip_prefix('!'),
    };
    let entry = match excluded {
        Some(_) if !owners.is_empty() => return Err(Why::ExcludedOwners(pattern.to_owned())),
        Some(pattern) => Entry {
            pattern: pattern.to_owned(),
            owners: Owners::Excluded,
        },
        None => Entry {
            pattern: pattern.to_owned(),
            owners: Owners::Said(owners),
        },
    };
    Ok(Line::Entry(entry))
}

/// `[Name]`, `^[Name]`, `[Name][2]`, each with owners after it.
fn heading(line: &str) -> Result<Option<Heading>, Why> {
    let (optional, rest) = match line.strip_prefix('^') {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let Some((name, rest)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) else {
        return Ok(None);
    };
    let (approvals, rest) = match rest.strip_prefix('[') {
        None => (0, rest),
        Some(inside) => {
            let Some((digits, rest)) = inside.split_once(']') else {
                return Ok(None);
            };
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            match digits.parse() {
                Ok(count) if plain => (count, rest),
                Ok(_) | Err(_) => return Ok(None),
            }
        }
    };
    let apart = rest.is_empty() || rest.starts_with([' ', '\t']);
    // GitLab calls a number of approvals that may be left out an error.
    if name.trim().is_empty() || !apart || (optional && approvals > 0) {
        return Ok(None);
    }
    Ok(Some(Heading {
        name: name.to_owned(),
        optional,
        approvals,
        owners: owners(rest, Dialect::GitLab)?,
    }))
}

/// The pattern, up to a space that no backslash escapes, and what follows.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.char_indices().find_map(|(at, letter)| {
        let ends = letter.is_whitespace() && !escaped;
        escaped = letter == '\\' && !escaped;
        ends.then_some(at)
    });
    end.and_then(|at| line.split_at_checked(at))
        .unwrap_or((line, ""))
}

/// The owners. After a word that begins with `#` GitHub reads nothing more;
/// GitLab still reads owners, but nothing else has to be one.
fn owners(text: &str, dialect: Dialect) -> Result<Vec<Owner>, Why> {
    let mut owners = Vec::new();
    let mut comment = false;
    for word in text.split_whitespace() {
        comment |= word.starts_with('#');
        match (owner(word, dialect), comment, dialect) {
            (_, true, Dialect::GitHub) => break,
            (Some(owner), _, _) => owners.push(owner),
            (None, true, Dialect::GitLab) => {}
            (None, false, _) => return Err(Why::Owner(word.chars().take(200).collect())),
        }
    }
    Ok(owners)
}

fn owner(word: &str, dialect: Dialect) -> Option<Owner> {
    if let Some(role) = word.strip_prefix("@@") {
        return match (dialect, role.to_ascii_lowercase().as_str()) {
            (Dialect::GitLab, "developer" | "developers") => Some(Owner::Role(Role::Developer)),
            (Dialect::GitLab, "maintainer" | "maintainers") => Some(Owner::Role(Role::Maintainer)),
            (Dialect::GitLab, "owner" | "owners") => Some(Owner::Role(Role::Owner)),
            (_, _) => None,
        };
    }
    let Some(name) = word.strip_prefix('@') else {
        let (local, host) = word.split_once('@')?;
        let plain = |text: &str| !text.is_empty() && !text.contains(['@', '#', '/', '[', ']']);
        let email = plain(local) && plain(host) && host.contains('.');
        return email.then(|| Owner::Email(word.to_owned()));
    };
    let parts: Vec<&str> = name.split('/').collect();
    if !parts.iter().all(|part| is_name(part)) {
        return None;
    }
    match (parts.len(), dialect) {
        (1, _) => Some(Owner::Name(name.to_owned())),
        (2, _) | (_, Dialect::GitLab) => Some(Owner::Group(name.to_owned())),
        (_, Dialect::GitHub) => None,
    }
}

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !text.is_empty() && text.len() <= 255 && text.bytes().all(plain)
}
