//! Texts that people and other programs write.

use liftlock::codeowners::{Codeowners, Dialect};
use liftlock::dsse::Envelope;
use liftlock::edit::{Format, Path, Spot};
use liftlock::oci::reference::Reference;
use liftlock::part::Part;
use liftlock::release::Identified;
use liftlock::sigstore::identity::Matcher;
use liftlock::sigstore::token::Token;
use liftlock::statement::Statement;
use liftlock::{checksums, glob};

use super::{Reach, split};

pub(super) fn token(bytes: &[u8], reach: Reach<'_>) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let now = liftlock::time::Time::from_unix_millis(1_767_600_000_000);
    if let (Ok(read), Ok(now)) = (Token::parse(text), now) {
        reach("read");
        if read.check(now).is_ok() {
            reach("usable");
        }
        let shown = format!("{read:?}");
        let secret = read.secret();
        assert!(!shown.contains(secret), "a log would show the token");
    }
}

pub(super) fn checksums_file(bytes: &[u8], reach: Reach<'_>) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(lines) = checksums::parse(text) else {
        return;
    };
    reach("read");
    assert!(!lines.is_empty(), "a list of nothing was read");
    for line in lines {
        let out = line.name.split('/').any(|part| part == "..");
        assert!(!out && !line.name.starts_with('/'), "out of the folder");
        drop(line.label());
    }
}

/// The first line is a path, the rest the file that may name its owners.
pub(super) fn codeowners(bytes: &[u8], reach: Reach<'_>) {
    let Some((path, rest)) = split(bytes) else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    for (dialect, place) in [(Dialect::GitHub, "github"), (Dialect::GitLab, "gitlab")] {
        let Ok(file) = Codeowners::parse(&text, dialect) else {
            continue;
        };
        reach(place);
        if let Ok(found) = file.owners(&[path]) {
            let owned = !found.rules.is_empty();
            assert_ne!(owned, !found.unowned.is_empty(), "owned, and by nobody");
            reach(if owned { "owned" } else { "unowned" });
        }
    }
}

/// The first line is a pattern, the rest the name that may fit.
pub(super) fn pattern(bytes: &[u8], reach: Reach<'_>) {
    let Some((head, rest)) = split(bytes) else {
        return;
    };
    let name = String::from_utf8_lossy(rest);
    if let Ok(read) = glob::Pattern::parse(head) {
        reach("glob");
        for part in read.parts() {
            if let glob::Part::Fits(fits) = part
                && fits.matches(&name)
            {
                reach("fits");
            }
        }
    }
    if let Ok(matcher) = Matcher::pattern(head) {
        reach("expression");
        if matcher.matches(&name) {
            reach("matches");
        }
    }
}

/// The first line is a path, the rest a document: the text there is replaced,
/// and nothing before or after it.
pub(super) fn edit(bytes: &[u8], reach: Reach<'_>) {
    const TEXT: &str = "sha256:b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c";
    let Some((head, rest)) = split(bytes) else {
        return;
    };
    let Ok(path) = head.parse::<Path>() else {
        return;
    };
    let again = path.to_string().parse::<Path>();
    assert_eq!(again.as_ref(), Ok(&path), "another path");
    for (format, place) in [
        (Format::Yaml, "yaml"),
        (Format::Json, "json"),
        (Format::Toml, "toml"),
    ] {
        let spot = Spot {
            format,
            path: &path,
            document: None,
        };
        let Ok(changed) = spot.replace(rest, TEXT) else {
            continue;
        };
        reach(place);
        assert_eq!(spot.read(&changed).as_deref(), Ok(TEXT), "another text");
        let same = |(one, other): &(&u8, &u8)| one == other;
        let before = rest.iter().zip(&changed).take_while(same).count();
        let after = rest.iter().rev().zip(changed.iter().rev());
        let after = after.take_while(same).count();
        // Quotes may have been put around it.
        let kept = before + after + TEXT.len() + 2;
        assert!(kept >= changed.len(), "more than the text changed");
    }
}

pub(super) fn part(bytes: &[u8], reach: Reach<'_>) {
    if let Ok(read) = Part::parse(bytes) {
        reach("part");
        drop(liftlock::part::merge(&[("a".to_owned(), read.clone())]));
        let written = serde_json::to_vec(&read);
        assert!(written.is_ok(), "what was read cannot be written");
        let again = written.ok().and_then(|bytes| Part::parse(&bytes).ok());
        assert!(again.is_some(), "what was written cannot be read");
    }
    if let Ok(read) = Identified::parse(bytes) {
        reach("release");
        let written = serde_json::to_vec(&read.release);
        assert!(written.is_ok(), "what was read cannot be written");
        let again = written
            .ok()
            .and_then(|bytes| Identified::parse(&bytes).ok());
        let again = again.map(|again| again.release);
        assert_eq!(again, Some(read.release), "another release");
    }
}

pub(super) fn reference(bytes: &[u8], reach: Reach<'_>) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(read) = text.parse::<Reference>() {
        let layout = text.trim().starts_with("oci-layout:");
        reach(if layout { "layout" } else { "registry" });
        let again = read.to_string().parse::<Reference>();
        assert_eq!(again.ok(), Some(read), "another reference");
    }
}

pub(super) fn statement(bytes: &[u8], reach: Reach<'_>) {
    if let Ok(read) = Statement::parse(bytes) {
        reach("statement");
        let _: usize = read.digests().count();
        let written = read.bytes();
        assert!(written.is_ok(), "what was read cannot be written");
        let again = written.and_then(|bytes| Statement::parse(&bytes));
        assert_eq!(again.ok(), Some(read), "another statement");
    }
    if let Ok(read) = serde_json::from_slice::<Envelope>(bytes) {
        reach("envelope");
        if Statement::parse(&read.payload).is_ok() {
            reach("inside");
        }
        drop(read.message());
    }
}
