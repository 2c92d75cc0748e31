//! A JUnit file with one case, which GitLab and Jenkins show beside tests.

use crate::report::Ending;
use crate::verdict::Verdict;

/// Renders the run as one test case: passed, skipped where it was only
/// observed or waits, failed, or an error.
#[must_use]
pub fn render(ending: &Ending) -> String {
    let verb = escape(&ending.verb);
    let headline = escape(&ending.headline());
    let word = ending.word();
    let allowed = ending.exit().code() == 0 || ending.verdict() == Some(Verdict::Pending);
    let ([failures, errors, skipped], inner) = match ending.verdict() {
        Some(verdict) if verdict.exit().code() == 0 => ([0, 0, 0], String::new()),
        // A build with a failed case is no longer green, whatever its jobs did.
        _ if allowed => (
            [0, 0, 1],
            format!("<skipped message=\"{word}: {headline}\"/>"),
        ),
        Some(_) => (
            [1, 0, 0],
            format!("<failure type=\"{word}\" message=\"{headline}\"/>"),
        ),
        None => ([0, 1, 0], format!("<error message=\"{headline}\"/>")),
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuite name=\"{verb}\" tests=\"1\" failures=\"{failures}\" errors=\"{errors}\" \
         skipped=\"{skipped}\">\n  \
         <testcase classname=\"liftlock\" name=\"{verb}\">{inner}</testcase>\n\
         </testsuite>\n"
    )
}

/// Escapes text for an XML 1.0 attribute; characters XML cannot hold become spaces.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                escaped.push(' ');
            }
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Mode, Report};

    fn ended(mode: Mode, verdict: Verdict) -> String {
        render(&Ending {
            verb: "promote".to_owned(),
            mode,
            dry_run: false,
            result: Ok(Report::new("run", verdict, "a \"b\" <c>\u{ffff}")),
        })
    }

    #[test]
    fn a_refusal_is_a_failed_case_with_escaped_text() {
        let text = ended(Mode::Enforce, Verdict::Blocked);
        assert!(text.contains("failures=\"1\""), "{text}");
        assert!(
            text.contains("message=\"a &quot;b&quot; &lt;c&gt; \""),
            "{text}"
        );
    }

    #[test]
    fn what_is_only_observed_or_waits_fails_no_build() {
        for (mode, verdict, word) in [
            (Mode::Observe, Verdict::Blocked, "blocked"),
            (Mode::Enforce, Verdict::Pending, "pending"),
        ] {
            let text = ended(mode, verdict);
            let counts = "failures=\"0\" errors=\"0\" skipped=\"1\"";
            let told = format!("<skipped message=\"{word}: a &quot;b");
            assert!(text.contains(counts) && text.contains(&told), "{text}");
        }
    }
}
