//! What a branch says of a hold: in files of its own, and in values that
//! updaters heed. The branch remembers what was set by us, so that nothing
//! else is taken back.

use liftlock::config::pointer::{GitValue, Mark, Shape};
use liftlock::failure::{Failure, Kind};
use liftlock::pointer::notice::{Due, Notice};

use super::super::{Scope, Told, Word};
use super::fetched::{Changes, Depth, Fetched, File};
use super::{plain, rounds};

/// Trailers of the commits that set a mark, and that take it back.
const HELD: &str = "Liftlock-Held";
const LIFTED: &str = "Liftlock-Lifted";

/// What a commit does to the marks of a value.
#[derive(Default)]
pub(super) struct Marked {
    /// The trailer of each mark that it changes.
    trailers: Vec<String>,
    told: Told,
}

impl Marked {
    pub(super) fn trailers(&self) -> String {
        self.trailers.concat()
    }
}

/// Adds to a commit what has to change so that every mark says this.
pub(super) fn mark(
    fetched: &Fetched<'_>,
    changes: &mut Changes,
    notice: &Notice,
) -> Result<Marked, Failure> {
    let mut marked = Marked::default();
    for mark in &fetched.value.hold {
        let (mode, due) = match changes.file(fetched, &mark.file)? {
            File::There { mode, bytes } => (mode, notice.due(mark, Some(&bytes))),
            File::Absent => ("100644".to_owned(), notice.due(mark, None)),
            File::Strange(why) => (String::new(), Due::Strange(why)),
        };
        let bytes = match due {
            Due::Nothing => continue,
            Due::Strange(why) => {
                marked.told.left.push(told(fetched.value, mark, &why));
                continue;
            }
            Due::Restore(_) if !fetched.is_ours(mark, notice)? => {
                let why = "no hold of ours set it";
                marked.told.left.push(told(fetched.value, mark, why));
                continue;
            }
            Due::Write(bytes) | Due::Restore(bytes) => bytes,
        };
        changes.write(&mark.file, &mode, bytes);
        let trailer = if notice.held { HELD } else { LIFTED };
        let line = format!("{trailer}: {}\n", subject(mark, notice));
        marked.trailers.push(line);
        let says = if notice.held { "held" } else { "free" };
        marked.told.written.push(told(fetched.value, mark, says));
    }
    Ok(marked)
}

/// Has every mark say what is so, by a commit of its own where one is needed.
/// What is so is asked after each fetch: whoever ends a hold does it before
/// telling the branch, so either it is heard here or the push is refused.
pub(in super::super) fn tell(value: &GitValue, word: Word<'_>) -> Result<Told, Failure> {
    let mut fetched = Fetched::new(value, Depth::All)?;
    let mut told = Told::default();
    rounds(&mut fetched, &mut |fetched| {
        let Some(notice) = word() else {
            told = Told::default();
            return Ok(None);
        };
        let mut changes = Changes::default();
        let marked = mark(fetched, &mut changes, &notice)?;
        let message = message(&notice, &marked);
        told = marked.told;
        if changes.is_empty() {
            return Ok(None);
        }
        fetched.commit(&changes, &message).map(Some)
    })?;
    Ok(told)
}

/// The hold that a file of ours tells of.
pub(in super::super) fn held(
    value: &GitValue,
    scope: &Scope<'_>,
) -> Result<Option<Notice>, Failure> {
    let fetched = Fetched::new(value, Depth::Tip)?;
    for mark in &value.hold {
        let Some(Shape::File) = mark.shape() else {
            continue;
        };
        let found = match Changes::default().file(&fetched, &mark.file)? {
            File::Absent => continue,
            File::Strange(why) => Err(why),
            File::There { bytes, .. } => Notice::about(&bytes, (scope.service, scope.environment)),
        };
        match found {
            Ok(notice) if notice.held => return Ok(Some(notice)),
            Ok(_) => {}
            Err(why) => {
                let message = format!(
                    "whether the environment is held cannot be told: {}",
                    told(value, mark, &why)
                );
                return Err(Failure::new(Kind::Blocked, message)
                    .with_hint("put back what was in the file, or remove it"));
            }
        }
    }
    Ok(None)
}

/// What each mark says now, for people.
///
/// # Errors
///
/// Fails as invalid where one is neither as it is while the environment is
/// held, nor as it is else.
pub(in super::super) fn shown(value: &GitValue, notice: &Notice) -> Result<Vec<String>, Failure> {
    let fetched = Fetched::new(value, Depth::Tip)?;
    let mut shown = Vec::new();
    for mark in &value.hold {
        let due = match Changes::default().file(&fetched, &mark.file)? {
            File::There { bytes, .. } => notice.due(mark, Some(&bytes)),
            File::Absent => notice.due(mark, None),
            File::Strange(why) => Due::Strange(why),
        };
        let says = match (due, notice.held) {
            (Due::Strange(why), _) => {
                let message = told(value, mark, &why);
                return Err(Failure::new(Kind::Invalid, message));
            }
            (Due::Nothing, true) | (Due::Write(_) | Due::Restore(_), false) => "held",
            (Due::Nothing, false) | (Due::Write(_) | Due::Restore(_), true) => "free",
        };
        shown.push(told(value, mark, says));
    }
    Ok(shown)
}

fn told(value: &GitValue, mark: &Mark, why: &str) -> String {
    let branch = &value.branch;
    match &mark.path {
        Some(path) => format!("`{path}` in `{}` on `{branch}`: {why}", mark.file),
        None => format!("`{}` on `{branch}`: {why}", mark.file),
    }
}

/// Whose mark it is, in a trailer.
fn subject(mark: &Mark, notice: &Notice) -> String {
    let (service, environment) = (&notice.service, &notice.environment);
    format!("{service}/{environment} {}", mark.label())
}

fn message(notice: &Notice, marked: &Marked) -> String {
    let (environment, reason) = (&notice.environment, plain(&notice.reason));
    let by = plain(&notice.by);
    let subject = if notice.held {
        format!("Hold {environment}")
    } else {
        format!("Lift the hold of {environment}")
    };
    format!("{subject}\n\n{reason}\n\nBy {by}\n\n{}", marked.trailers())
}

impl Fetched<'_> {
    /// Whether the newest commit about a mark is one of ours that set it.
    fn is_ours(&self, mark: &Mark, notice: &Notice) -> Result<bool, Failure> {
        let subject = subject(mark, notice);
        let literal = escaped(&subject);
        let grep = format!("--grep=^({HELD}|{LIFTED}): {literal}$");
        let format = format!("--format=%(trailers:key={HELD},valueonly)");
        let arguments = ["log", "-1", "--extended-regexp", &grep, &format, &self.tip];
        let found = self.git.ask(&arguments, b"")?;
        let found = String::from_utf8_lossy(&found);
        Ok(found.lines().any(|line| line == subject))
    }
}

/// A text as an extended regular expression (POSIX 9.4) that only it fits.
fn escaped(text: &str) -> String {
    let mut literal = String::with_capacity(text.len());
    for letter in text.chars() {
        if r"\.[^$*+?(){}|".contains(letter) {
            literal.push('\\');
        }
        literal.push(letter);
    }
    literal
}
