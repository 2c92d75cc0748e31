//! Reads a comment as an answer: exactly one form counts, and what only looks
//! like it is told apart from talk.

use super::{Forge, LONGEST_BODY};
use crate::approval::answer::Say;
use crate::digest::Digest;

/// The words at the start of an answer. On GitLab a slash would begin a quick
/// action: `/approve` approves the merge request, and is taken out of the note.
const fn word(forge: Forge, say: Say) -> &'static str {
    match (forge, say) {
        (Forge::Github, Say::Yes) => "/approve ",
        (Forge::Github, Say::No) => "/deny ",
        (Forge::Gitlab, Say::Yes) => "liftlock approve ",
        (Forge::Gitlab, Say::No) => "liftlock deny ",
    }
}

/// The line that answers a request.
#[must_use]
pub fn line(forge: Forge, say: Say, request: &Digest) -> String {
    format!("{}{request}", word(forge, say))
}

/// The slash, and what looks like one.
const SLASHES: [char; 6] = ['/', '\\', '\u{ff0f}', '\u{2044}', '\u{2215}', '\u{29f8}'];

/// What a comment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A yes or a no to one request.
    Answer {
        /// Which.
        say: Say,
        /// The full digest of the request, as it was written.
        request: Digest,
        /// What stands below, if anything.
        comment: Option<String>,
    },
    /// Its author may have meant an answer, but did not give one; why.
    Unclear(String),
    /// Something else.
    Nothing,
}

/// Reads a comment on GitHub, as [`said_on`] does.
#[must_use]
pub fn said(body: &str) -> Said {
    said_on(Forge::Github, body)
}

/// Reads a comment. An answer is a comment whose first line that is not blank
/// is `/approve sha256:HEX` or `/deny sha256:HEX`, on GitLab `liftlock approve
/// sha256:HEX` or `liftlock deny sha256:HEX`, with all 64 digits of the request
/// in lower case, and nothing else but spaces after them; a reason may stand in
/// the lines below.
///
/// Quotes, code, look-alike letters and short digests are no answers: who
/// quotes an answer does not give it, and short digests can be ground.
#[must_use]
pub fn said_on(forge: Forge, body: &str) -> Said {
    let mut lines = body.lines().skip_while(|line| line.trim().is_empty());
    let Some(first) = lines.next() else {
        return Said::Nothing;
    };
    let command = [Say::Yes, Say::No].into_iter().find_map(|say| {
        let rest = first.strip_prefix(word(forge, say))?;
        Some((say, rest.trim_end_matches([' ', '\t', '\r'])))
    });
    let Some((say, digest)) = command else {
        return other(forge, first);
    };
    let Some(request) = full(digest) else {
        let why = "what follows the word is not `sha256:` and the 64 lower-case digits of the request, alone";
        return Said::Unclear(why.to_owned());
    };
    if body.len() > LONGEST_BODY {
        return Said::Unclear(format!("it is longer than {LONGEST_BODY} bytes"));
    }
    let rest: Vec<&str> = lines.collect();
    if rest.iter().any(|line| is_like_a_command(line)) {
        return Said::Unclear("more than one line of it reads like an answer".to_owned());
    }
    let comment = rest.join("\n");
    let comment = Some(comment.trim().to_owned()).filter(|text| !text.is_empty());
    Said::Answer {
        say,
        request,
        comment,
    }
}

fn full(text: &str) -> Option<Digest> {
    let hex = text.strip_prefix("sha256:")?;
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let whole = hex.len() == 64 && hex.bytes().all(lower);
    whole.then(|| text.parse().ok()).flatten()
}

/// Why a line that is not the exact form is none, where somebody may have
/// meant it.
fn other(forge: Forge, line: &str) -> Said {
    if !is_like_a_command(line) {
        return Said::Nothing;
    }
    let why = if line.starts_with(['>', '`', '~']) || line.starts_with("    ") {
        "a quote or code is nobody's answer".to_owned()
    } else if !line.is_ascii() {
        "it has letters that only look like those of an answer".to_owned()
    } else {
        let (yes, no) = (word(forge, Say::Yes), word(forge, Say::No));
        format!("the first line has to be `{yes}sha256:…` or `{no}sha256:…`, exactly")
    };
    Said::Unclear(why)
}

/// Whether a line may have been meant as an answer. Wide on purpose: nothing
/// is permitted by it, and people learn why theirs did not count.
fn is_like_a_command(line: &str) -> bool {
    let start = line
        .trim_start_matches(|letter: char| !letter.is_alphanumeric() && !SLASHES.contains(&letter));
    let word = start.trim_start_matches(SLASHES).to_ascii_lowercase();
    let is_known = |word: &str| word.starts_with("approve") || word.starts_with("deny");
    let hidden = !start.is_ascii() || start.contains("sha256:");
    let named = word.split_once("liftlock").is_some_and(|(before, after)| {
        let after = after.trim_start_matches(|letter: char| !letter.is_alphanumeric());
        before.is_empty() && (is_known(after) || hidden)
    });
    let like_the_name = !start.is_ascii() && start.contains("sha256:");
    named || like_the_name || (start.starts_with(SLASHES) && (is_known(&word) || hidden))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex() -> String {
        Digest::of(b"request").to_string()
    }

    #[test]
    fn exactly_one_form_is_an_answer() {
        let cases = [
            ("/approve {}", Say::Yes, None),
            ("/deny {}", Say::No, None),
            ("\r\n  \n/approve {}  \r\n", Say::Yes, None),
            (
                "/deny {}\n\nthe error rate\nis too high\n",
                Say::No,
                Some("the error rate\nis too high"),
            ),
            ("/approve {}\r\n> quoted\r\n", Say::Yes, Some("> quoted")),
        ];
        for (body, say, comment) in cases {
            let found = said(&body.replace("{}", &hex()));
            let wanted = Said::Answer {
                say,
                request: Digest::of(b"request"),
                comment: comment.map(str::to_owned),
            };
            assert_eq!(found, wanted, "{body:?}");
        }
    }

    #[test]
    fn what_only_looks_like_an_answer_is_none_and_says_why() {
        let upper = hex().to_uppercase();
        let cases = [
            "> /approve {}",
            ">/approve {}",
            "```\n/approve {}\n```",
            "    /approve {}",
            " /approve {}",
            "`/approve {}`",
            "/Approve {}",
            "/APPROVE {}",
            "/approve  {}",
            "/approve\t{}",
            "/approve {} please",
            "/approve {}.",
            "/approve {}\u{200b}",
            "/approve {}\u{a0}",
            "/approve {}0",
            "/approve sha256:9d93",
            "/approve sha512:{}",
            "/approve",
            "/approve ",
            "/approved {}",
            "/\u{430}pprove {}",
            "/appr\u{43e}ve {}",
            "\u{ff0f}approve {}",
            "\u{2215}approve {}",
            "/\u{ff41}\u{ff50}\u{ff50}\u{ff52}\u{ff4f}\u{ff56}\u{ff45} {}",
            "\u{202e}/approve {}",
            "\u{feff}/approve {}",
            "**/approve {}**",
            "- /approve {}",
            "/approve {}\n/deny {}",
            "/approve {}\n> /deny {}",
            "/deny {}\n\n/approve {}",
        ];
        for body in cases {
            let found = said(&body.replace("{}", &hex()));
            let fence = body.starts_with("```");
            let none = matches!(found, Said::Unclear(_)) || (fence && found == Said::Nothing);
            assert!(none, "{body:?}: {found:?}");
        }
        assert!(matches!(
            said(&format!("/approve {upper}")),
            Said::Unclear(_)
        ));
        let long = format!("/approve {}\n{}", hex(), "x".repeat(LONGEST_BODY));
        assert!(matches!(said(&long), Said::Unclear(_)));
    }

    #[test]
    fn gitlab_has_words_that_are_no_quick_action() {
        let yes = line(Forge::Gitlab, Say::Yes, &Digest::of(b"request"));
        assert_eq!(yes, format!("liftlock approve {}", hex()));
        let no = line(Forge::Gitlab, Say::No, &Digest::of(b"request"));
        for (body, say, comment) in [
            (yes.clone(), Say::Yes, None),
            (format!("\n{yes}\t\r\n\nfine\n"), Say::Yes, Some("fine")),
            (format!("{no}\ntoo early"), Say::No, Some("too early")),
        ] {
            let wanted = Said::Answer {
                say,
                request: Digest::of(b"request"),
                comment: comment.map(str::to_owned),
            };
            assert_eq!(said_on(Forge::Gitlab, &body), wanted, "{body:?}");
            assert!(matches!(said(&body), Said::Unclear(_)), "{body:?}");
        }
        let cases = [
            "/approve {}",
            "/deny {}",
            "> liftlock approve {}",
            "`liftlock approve {}`",
            "    liftlock approve {}",
            "- liftlock deny {}",
            "Liftlock approve {}",
            "LIFTLOCK APPROVE {}",
            "/liftlock approve {}",
            "liftlock  approve {}",
            "liftlock: approve {}",
            "liftlock approve",
            "liftlock approved {}",
            "liftlock approve {}.",
            "liftlock approve {} now",
            "liftlock approve sha256:9d93",
            "l\u{456}ftlock approve {}",
            "liftlock \u{430}pprove {}",
            "liftl\u{43e}ck deny {}",
            "liftlock\u{a0}approve {}",
            "\u{feff}liftlock approve {}",
            "liftlock approve {}\nliftlock deny {}",
            "liftlock approve {}\n> liftlock deny {}",
            "liftlock deny {}\n/approve {}",
        ];
        for body in cases {
            let found = said_on(Forge::Gitlab, &body.replace("{}", &hex()));
            assert!(matches!(found, Said::Unclear(_)), "{body:?}: {found:?}");
        }
        for body in ["liftlock", "liftlock is slow today", "approve", "LGTM", ""] {
            let found = said_on(Forge::Gitlab, body);
            assert_eq!(found, Said::Nothing, "{body:?}");
        }
    }

    #[test]
    fn talk_is_nothing() {
        let cases = [
            "",
            "\n\n",
            "yes",
            "approve",
            "approved",
            "LGTM \u{1f44d}",
            "please do not /approve {} yet",
            "see /approve {}\n",
            "/retest",
            "I said\n/approve {}",
        ];
        for body in cases {
            assert_eq!(said(&body.replace("{}", &hex())), Said::Nothing, "{body:?}");
        }
    }

    #[test]
    fn no_text_makes_it_panic() {
        let words = [
            "/", "approve", " ", "\u{ff0f}", "sha256:", "\n", "\u{0}", "é", ">",
        ];
        for first in words {
            for second in words {
                for third in words {
                    let body = format!("{first}{second}{third}");
                    assert!(!matches!(said(&body), Said::Answer { .. }), "{body:?}");
                }
            }
        }
    }
}
