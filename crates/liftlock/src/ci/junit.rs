//! A JUnit file with one case, which GitLab and Jenkins show beside tests.

use crate::report::Ending;

/// Renders the run as one test case: passed, failed, or an error.
#[must_use]
pub fn render(ending: &Ending) -> String {
    let verb = escape(&ending.verb);
    let headline = escape(&ending.headline());
    let word = ending.word();
    let (failures, errors, inner) = match ending.verdict() {
        Some(verdict) if verdict.exit().code() == 0 => (0, 0, String::new()),
        Some(_) => (
            1,
            0,
            format!("<failure type=\"{word}\" message=\"{headline}\"/>"),
        ),
        None => (0, 1, format!("<error message=\"{headline}\"/>")),
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuite name=\"{verb}\" tests=\"1\" failures=\"{failures}\" errors=\"{errors}\">\n  \
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
    use crate::verdict::Verdict;

    #[test]
    fn a_refusal_is_a_failed_case_with_escaped_text() {
        let ending = Ending {
            verb: "promote".to_owned(),
            mode: Mode::Enforce,
            dry_run: false,
            result: Ok(Report::new("run", Verdict::Blocked, "a \"b\" <c>\u{ffff}")),
        };
        let text = render(&ending);
        assert!(text.contains("failures=\"1\""), "{text}");
        assert!(
            text.contains("message=\"a &quot;b&quot; &lt;c&gt; \""),
            "{text}"
        );
    }
}
