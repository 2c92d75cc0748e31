//! What git means when it does not do something: told in its own words, and
//! called a race only where git compared and found that somebody was faster.

use std::fmt;

use crate::ci;
use crate::failure::Kind;

/// The most lines of git's that are told, and the most letters of each.
const MOST_LINES: usize = 4;
const LONGEST_LINE: usize = 240;

/// What stands behind a complaint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The ref is not what it was when it was read: somebody else was faster.
    Race,
    /// Somebody else writes the ref at this very moment.
    Busy,
    /// The remote's rules do not allow it.
    Ruled,
    /// No login, a refused one, or no right to the files.
    Forbidden,
    /// The repository belongs to another account of this machine.
    Owner,
    /// There is no such repository, ref or file.
    Absent,
    /// Anything else.
    Unknown,
}

impl Cause {
    /// Whether the same may be done again on top of what is there then.
    #[must_use]
    pub const fn may_pass(self) -> bool {
        matches!(self, Self::Race | Self::Busy)
    }
}

/// Why git did not do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// What it means.
    pub cause: Cause,
    words: String,
}

/// Why a push left a ref as it was, as git sums it up.
const REFUSED: [(Cause, &[&str]); 2] = [
    (
        Cause::Race,
        &[
            "[rejected] (stale info)",
            "[rejected] (fetch first)",
            "[rejected] (non-fast-forward)",
            "[rejected] (already exists)",
            "but expected",
            "reference already exists",
            "incorrect old value provided",
        ],
    ),
    (
        Cause::Ruled,
        &[
            "[remote rejected] (non-fast-forward)",
            "checked out",
            "declined",
            "protected",
            "prohibited",
            "denied",
            "not allowed",
            "not permitted",
        ],
    ),
];

/// What git or the remote says. The first that fits counts.
const SAID: [(Cause, &[&str]); 4] = [
    (Cause::Owner, &["dubious ownership"]),
    (
        Cause::Forbidden,
        &[
            "Authentication failed",
            "could not read Username",
            "could not read Password",
            "ermission denied",
            "ccess denied",
            "Permission to ",
            "returned error: 401",
            "returned error: 403",
            "Host key verification failed",
            "insufficient permission",
            "unable to create temporary object directory",
        ],
    ),
    (
        Cause::Absent,
        &[
            "not appear to be a git repository",
            "not a git repository",
            "epository not found",
            "' not found",
            "returned error: 404",
            "couldn't find remote ref",
            "does not exist in 'FETCH_HEAD'",
            "but not in 'FETCH_HEAD'",
        ],
    ),
    (
        Cause::Busy,
        &["failed to update ref", ".lock': File exists"],
    ),
];

/// What git says whatever the reason is.
const ALWAYS: [&str; 7] = [
    "hint:",
    "error: failed to push some refs to",
    "fatal: Could not read from remote repository.",
    "Please make sure you have the correct access rights",
    "and the repository exists.",
    "To add an exception for this directory, call:",
    "git config --global --add safe.directory",
];

impl Complaint {
    /// Of what a run of git printed.
    #[must_use]
    pub fn of(stdout: &[u8], stderr: &str) -> Self {
        let answer = String::from_utf8_lossy(stdout);
        let refused: Vec<&str> = answer.lines().filter_map(refusal).collect();
        let said: Vec<&str> = refused
            .iter()
            .copied()
            .chain(stderr.lines().map(told).filter(|line| !line.is_empty()))
            .collect();
        let cause = find(&REFUSED, &refused).or_else(|| match said.iter().any(is_lost) {
            true => Some(Cause::Race),
            false => find(&SAID, &said),
        });
        Self {
            cause: cause.unwrap_or(Cause::Unknown),
            words: words(&said),
        }
    }

    /// What has to change.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self.cause {
            Cause::Ruled | Cause::Forbidden | Cause::Owner => Kind::Credentials,
            Cause::Absent => Kind::Invalid,
            Cause::Race | Cause::Busy | Cause::Unknown => Kind::Upstream,
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self.cause {
            Cause::Ruled => Some(
                "let the identity of this job push there in the rules of the remote, or name another ref",
            ),
            Cause::Forbidden => Some(
                "give this job a git credential that may do this, by a credential helper or an SSH agent; of a path, the right to its files",
            ),
            Cause::Owner => Some(
                "run as the account that owns the repository, or name its path with `git config --global --add safe.directory PATH`",
            ),
            Cause::Absent => {
                Some("correct the address, or let the identity of this job see the repository")
            }
            Cause::Race | Cause::Busy | Cause::Unknown => None,
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.words)
    }
}

/// The first cause of which a line speaks.
fn find(known: &[(Cause, &[&str])], lines: &[&str]) -> Option<Cause> {
    let fits = |needle: &&str| lines.iter().any(|line| line.contains(needle));
    let mut known = known.iter();
    let (cause, _) = known.find(|(_, needles)| needles.iter().any(&fits))?;
    Some(*cause)
}

/// Whether the remote compared the ref with what it was when it was read.
fn is_lost(line: &&str) -> bool {
    line.contains("cannot lock ref") && line.contains("but expected")
}

/// The last field of a line of `push --porcelain` about a ref that stayed.
fn refusal(line: &str) -> Option<&str> {
    line.strip_prefix('!')?.rsplit('\t').next()
}

/// A line without the mark of what the remote said.
fn told(line: &str) -> &str {
    let line = line.trim();
    line.strip_prefix("remote:").unwrap_or(line).trim()
}

/// What of it tells the reason, in one line.
fn words(said: &[&str]) -> String {
    let telling = |line: &&&str| !ALWAYS.iter().any(|always| line.starts_with(always));
    let mut lines: Vec<&str> = said.iter().filter(telling).copied().collect();
    if lines.is_empty() {
        lines = said.to_vec();
    }
    // The remote's own words come first, git's own last.
    if lines.len() > MOST_LINES {
        let half = MOST_LINES / 2;
        lines.splice(half..lines.len() - half, ["…"]);
    }
    if lines.is_empty() {
        return "it does not say why".to_owned();
    }
    let short = |line: &&str| line.chars().take(LONGEST_LINE).collect::<String>();
    let lines: Vec<String> = lines.iter().map(short).collect();
    ci::line(&lines.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a push to one ref is answered with.
    fn push(reason: &str, stderr: &str) -> Complaint {
        let answer = format!("To ../r.git\n!\tHEAD:refs/heads/main\t{reason}\nDone\n");
        let stderr = format!("{stderr}error: failed to push some refs to '../r.git'\n");
        Complaint::of(answer.as_bytes(), &stderr)
    }

    #[test]
    fn only_what_git_compared_is_a_race() {
        #[rustfmt::skip]
        let cases = [
            ("[rejected] (stale info)", "", Cause::Race),
            ("[rejected] (fetch first)", "", Cause::Race),
            ("[rejected] (non-fast-forward)", "", Cause::Race),
            ("[remote rejected] (cannot lock ref 'refs/heads/main': is at 1 but expected 2)", "", Cause::Race),
            ("[remote rejected] (failed to update ref)", "remote: error: cannot lock ref 'x': is at 1 but expected 2\n", Cause::Race),
            ("[remote rejected] (incorrect old value provided)", "", Cause::Race),
            ("[remote rejected] (failed to update ref)", "remote: error: Unable to create '/r.git/refs/heads/main.lock': File exists.\n", Cause::Busy),
            ("[remote rejected] (non-fast-forward)", "remote: error: denying non-fast-forward refs/heads/main (you should pull first)\n", Cause::Ruled),
            ("[remote rejected] (pre-receive hook declined)", "remote: no\n", Cause::Ruled),
            ("[remote rejected] (branch is currently checked out)", "", Cause::Ruled),
            ("[remote rejected] (unpacker error)", "error: remote unpack failed: unable to create temporary object directory\n", Cause::Forbidden),
            ("[remote rejected] (Internal Server Error)", "", Cause::Unknown),
            ("[remote rejected] (pre-receive hook declined)", "remote: [rejected] (stale info), but expected\n", Cause::Ruled),
        ];
        for (reason, stderr, cause) in cases {
            let found = push(reason, stderr);
            assert_eq!(found.cause, cause, "{reason} {stderr}");
            assert!(found.to_string().starts_with(reason), "{found}");
            assert!(!found.to_string().contains("failed to push"), "{found}");
        }
    }

    #[test]
    fn the_reason_stays_and_what_is_always_said_goes() {
        let rights = "fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n";
        #[rustfmt::skip]
        let cases = [
            ("fatal: '/x.git' does not appear to be a git repository\n", Cause::Absent, Kind::Invalid),
            ("fatal: detected dubious ownership in repository at '/x.git'\nTo add an exception for this directory, call:\n\n\tgit config --global --add safe.directory /x.git\n", Cause::Owner, Kind::Credentials),
            ("git@github.com: Permission denied (publickey).\n", Cause::Forbidden, Kind::Credentials),
            ("ERROR: Repository not found.\n", Cause::Absent, Kind::Invalid),
            ("ssh: connect to host 127.0.0.1 port 1: Connection refused\n", Cause::Unknown, Kind::Upstream),
        ];
        for (first, cause, kind) in cases {
            let found = Complaint::of(b"", &format!("{first}{rights}"));
            assert_eq!((found.cause, found.kind()), (cause, kind), "{first}");
            assert_eq!(Some(found.to_string().as_str()), first.lines().next());
        }
        let only = Complaint::of(b"", rights).to_string();
        assert!(only.starts_with("fatal: Could not read"), "{only}");
        assert_eq!(Complaint::of(b"", "").to_string(), "it does not say why");
    }

    #[test]
    fn words_of_others_are_one_line_of_bounded_length() {
        let rude = "remote: \u{1b}[31mno\r\nremote: ::error::no\n";
        let found = Complaint::of(b"", &format!("{rude}{}", "x\n".repeat(1_000)));
        let told = found.to_string();
        assert!(!told.contains(char::is_control), "{told:?}");
        assert!(told.ends_with("; …; x; x"), "{told}");
        let long = Complaint::of(b"", &"y".repeat(100_000)).to_string();
        assert_eq!(long.len(), LONGEST_LINE);
    }
}
