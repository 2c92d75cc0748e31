//! Values in files of git repositories. Nothing is checked out: the file is
//! read from the branch's tip, and a commit with the new bytes is pushed onto
//! exactly this tip, or people are asked to merge it.

mod fetched;
mod hold;
mod request;

use std::time::Duration;

use liftlock::complaint::Cause;
use liftlock::config::pointer::{GitValue, Request};
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::pointer::request::Merged;
use liftlock::pointer::{Live, is_open};

use super::{Move, Moved, Scope, Withdrawn};
use crate::{clock, git};
use fetched::{Changes, Depth, Fetched, File, ROUND};
use hold::Marked;
pub(super) use hold::{held, shown, tell};
use request::{Home, Way};

/// How long a value may take to be moved: a few rounds with the remote.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);

/// How long it may take until people are asked, or what they did is known: some
/// rounds with the remote and some calls of its forge.
pub(super) const ASKING: Duration = Duration::from_secs(600);

/// Each lost round means that somebody else pushed to the branch.
const ROUNDS: u32 = 20;

/// The trailers of our commits (`git interpret-trailers`).
const WHOSE: &str = "Liftlock-Environment";
const FENCE: &str = "Liftlock-Fence";

/// Where the value points.
pub(super) fn read(value: &GitValue) -> Result<Live, Failure> {
    let fetched = Fetched::new(value, Depth::Tip)?;
    let (live, _) = fetched.live()?;
    Ok(live)
}

/// Moves the value, or asks people to.
pub(super) fn point(
    value: &GitValue,
    moved: &Move<'_>,
    scope: &Scope<'_>,
) -> Result<Moved, Failure> {
    match &value.request {
        None => push(value, moved, scope).map(|()| Moved::Already),
        Some(asked) => way(value, asked, (moved, scope))?.propose(),
    }
}

/// Sees to it that nobody merges a move any more.
pub(super) fn withdraw(
    value: &GitValue,
    asked: &Request,
    who: (&Move<'_>, &Scope<'_>),
) -> Result<Withdrawn, Failure> {
    way(value, asked, who)?.withdraw()
}

/// How people merged a move, if they did.
pub(super) fn merged(
    value: &GitValue,
    asked: &Request,
    who: (&Move<'_>, &Scope<'_>),
) -> Result<Option<Merged>, Failure> {
    let merge = way(value, asked, who).and_then(|way| way.merge());
    if let Ok(Some(_)) = &merge {
        return merge;
    }
    let by_other_ways = read(value)?.is(Some(who.0.to));
    match by_other_ways {
        true => Ok(Some(Merged::default())),
        false => merge,
    }
}

fn way<'a>(
    value: &'a GitValue,
    asked: &Request,
    (moved, scope): (&'a Move<'a>, &'a Scope<'a>),
) -> Result<Way<'a>, Failure> {
    Ok(Way {
        value,
        home: Home::open(asked, scope)?,
        moved,
        scope,
    })
}

/// Commits and pushes the new value, as often as others push in between
/// without touching it. What is said of a hold goes along, and never stands in
/// the way.
fn push(value: &GitValue, moved: &Move<'_>, scope: &Scope<'_>) -> Result<(), Failure> {
    let mut fetched = Fetched::new(value, Depth::All)?;
    let with = |fetched: &Fetched<'_>, moved: &Move<'_>| {
        let (live, file) = fetched.live()?;
        if !is_open(&place(value), &live, (moved.from, moved.to))? {
            return Ok(None);
        }
        fetched.refuse_older(moved, scope)?;
        let mut changes = fetched.changed(&file, moved)?;
        let marked = match moved.notice {
            Some(notice) => hold::mark(fetched, &mut changes, notice).unwrap_or_default(),
            None => Marked::default(),
        };
        let message = message(value, moved, scope, &marked);
        fetched.commit(&changes, &message).map(Some)
    };
    match rounds(&mut fetched, &mut |fetched| with(fetched, moved)) {
        Err(failure) if moved.notice.is_some() && failure.kind == Kind::Credentials => {
            // The remote may have rules about the files of the hold.
            let alone = Move {
                notice: None,
                ..*moved
            };
            rounds(&mut fetched, &mut |fetched| with(fetched, &alone))
        }
        ended => ended,
    }
}

/// Makes a commit and pushes it, and again where somebody else was first; done
/// where there is nothing to commit.
fn rounds(
    fetched: &mut Fetched<'_>,
    make: &mut dyn FnMut(&Fetched<'_>) -> Result<Option<String>, Failure>,
) -> Result<(), Failure> {
    let started = clock::now();
    let mut lost = None;
    for round in 0..ROUNDS {
        let Some(commit) = make(fetched)? else {
            return Ok(());
        };
        match fetched.push(&commit)? {
            None => return Ok(()),
            Some(error) => lost = Some(error),
        }
        let spent = clock::now().millis_since(started);
        if spent > i64::try_from((PATIENCE - ROUND * 2).as_millis()).unwrap_or_default() {
            break;
        }
        clock::wait(git::backoff(round)?);
    }
    let place = place(fetched.value);
    Err(match lost {
        Some(error) if error.cause() == Cause::Busy => {
            Failure::above(format!("cannot push to {place}"), error)
        }
        Some(error) => Failure::above(format!("others push to {place} faster than this"), error),
        None => Failure::new(Kind::Upstream, format!("cannot push to {place}")),
    })
}

fn place(value: &GitValue) -> String {
    let GitValue {
        branch, file, path, ..
    } = value;
    format!("`{path}` in `{file}` on `{branch}`")
}

impl Fetched<'_> {
    /// Where the value points at the tip.
    fn live(&self) -> Result<(Live, File), Failure> {
        let name = &self.value.file;
        let file = Changes::default().file(self, name)?;
        let live = match &file {
            File::Absent => Live::Strange(format!("there is no file `{name}`")),
            File::Strange(why) => Live::Strange(why.clone()),
            File::There { bytes, .. } => match self.value.spot() {
                None => Live::Strange("a file of no known format".to_owned()),
                Some(spot) => match spot.read(bytes) {
                    Err(error) => Live::Strange(error.to_string()),
                    Ok(text) => match self.value.understand(&text) {
                        Ok(found) => Live::from(found),
                        Err(error) => Live::Strange(error.to_string()),
                    },
                },
            },
        };
        Ok((live, file))
    }

    /// The file with the new value.
    fn changed(&self, file: &File, moved: &Move<'_>) -> Result<Changes, Failure> {
        let (File::There { mode, bytes }, Some(spot)) = (file, self.value.spot()) else {
            return Err(Failure::new(Kind::Bug, "a value without file was read"));
        };
        let bytes = spot.replace(bytes, &self.value.say(&moved.to))?;
        let mut changes = Changes::default();
        changes.write(&self.value.file, mode, bytes);
        Ok(changes)
    }

    /// Refuses when the newest commit of this environment on the branch is of
    /// a newer owner than ours.
    fn refuse_older(&self, moved: &Move<'_>, scope: &Scope<'_>) -> Result<(), Failure> {
        let (service, environment) = (scope.service, scope.environment);
        let whose = format!("^{WHOSE}: {service}/{environment}$").replace('.', "[.]");
        let grep = format!("--grep={whose}");
        let format = format!("--format=%(trailers:key={FENCE},valueonly)");
        let arguments = ["log", "-1", "--extended-regexp", &grep, &format, &self.tip];
        let found = self.git.ask(&arguments, b"")?;
        let found = String::from_utf8_lossy(&found);
        let Some(newest) = found.split_whitespace().last() else {
            return Ok(());
        };
        match newest.parse::<u64>() {
            Ok(fence) if fence <= moved.fence => Ok(()),
            Ok(_) | Err(_) => {
                let message = format!(
                    "{} was moved by a newer owner of {environment}: its fence is {newest}, ours is {}",
                    place(self.value),
                    moved.fence
                );
                Err(Failure::new(Kind::Blocked, message).with_hint(format!(
                    "look at `promote status`; after a lost state store, push a commit with the trailers `{WHOSE}: {service}/{environment}` and `{FENCE}: 0`"
                )))
            }
        }
    }
}

fn message(value: &GitValue, moved: &Move<'_>, scope: &Scope<'_>, marked: &Marked) -> String {
    let (release, digest) = (named(&moved.release.id), moved.release.digest);
    let from = moved
        .from
        .as_ref()
        .map_or("nothing".to_owned(), Digest::short);
    let (service, environment) = (scope.service, scope.environment);
    format!(
        "{}\n\n{}: {from} to {}\n\n\
         {WHOSE}: {service}/{environment}\nLiftlock-Release: {release} {digest}\n\
         Liftlock-Plan: {}\n{FENCE}: {}\n{}",
        subject(moved, scope),
        place(value),
        moved.to.short(),
        moved.plan,
        moved.fence,
        marked.trailers(),
    )
}

/// What a move is, in one line.
fn subject(moved: &Move<'_>, scope: &Scope<'_>) -> String {
    format!(
        "Point {} at {}",
        scope.environment,
        named(&moved.release.id)
    )
}

/// A text of others in one line of a message. Nothing of it tells a forge or a
/// CI what to do: `[skip ci]`, `***NO_CI***`, `Fixes #12`, `fixes GH-12`, `@all`.
fn plain(text: &str) -> String {
    let text = text.replace(char::is_control, " ");
    let text = text.replace(['[', ']', '#', '@', '*'], "_");
    let mut parts = text.split('-');
    let mut safe = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let word = safe.rsplit(|letter: char| !letter.is_alphanumeric()).next();
        let is_reference = word.is_some_and(|word| word.eq_ignore_ascii_case("gh"));
        safe.push(if is_reference { '_' } else { '-' });
        safe.push_str(part);
    }
    safe
}

/// The name that others gave, as one word of a message and no address.
fn named(id: &str) -> String {
    let word = plain(id).replace(char::is_whitespace, "_");
    word.replace("://", "_//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_others_is_an_order() {
        for (text, safe) in [
            ("shop-2.0.1+7", "shop-2.0.1+7"),
            ("sha256:ab12", "sha256:ab12"),
            ("-high-7-", "-high-7-"),
            ("a [skip ci] b", "a _skip ci_ b"),
            ("***NO_CI***", "___NO_CI___"),
            ("x\n\nskip-checks: true", "x  skip-checks: true"),
            ("Fixes #12", "Fixes _12"),
            ("fixes gh-12, GH-13", "fixes gh_12, GH_13"),
            ("Closes acme/x#1 by @all", "Closes acme/x_1 by _all"),
            ("https://ci.example/7", "https://ci.example/7"),
        ] {
            assert_eq!(plain(text), safe);
        }
        assert_eq!(named("shop-2 [skip ci]"), "shop-2__skip_ci_");
        let address = named("Fixes https://x/issues/1");
        assert_eq!(address, "Fixes_https_//x/issues/1");
        assert_eq!(named("Closes: SHOP-12\tnow"), "Closes:_SHOP-12_now");
    }
}
