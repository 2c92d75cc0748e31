//! GitHub Actions' files and commands, safe against text that looks like them.

use crate::report::Ending;

/// A step summary may hold 1 MiB; we stay below it.
const SUMMARY_LIMIT: usize = 1_000_000;

/// Renders the lines for `$GITHUB_OUTPUT`, each value between random delimiters.
///
/// # Errors
///
/// Refuses a value that contains the delimiter: it was made to break out.
pub fn outputs(ending: &Ending, delimiter: &str) -> Result<String, Breakout> {
    let mut text = String::new();
    for (name, value) in ending.outputs() {
        if value.contains(delimiter) {
            return Err(Breakout(name));
        }
        text.push_str(&format!("{name}<<{delimiter}\n{value}\n{delimiter}\n"));
    }
    Ok(text)
}

/// A value holds the random delimiter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the value of output `{0}` contains the output delimiter")]
pub struct Breakout(&'static str);

/// Renders the step summary: the verdict as a heading and the verb's markdown.
#[must_use]
pub fn summary(ending: &Ending) -> String {
    let body = ending.result.as_ref().map_or("", |report| &report.summary);
    let text = format!(
        "### {}: {}\n\n{}\n\n{body}\n",
        ending.verb,
        ending.word(),
        escape_markdown(&ending.headline()),
    );
    let cut = text
        .char_indices()
        .map(|(index, _)| index)
        .take_while(|index| *index <= SUMMARY_LIMIT)
        .last()
        .filter(|_| text.len() > SUMMARY_LIMIT);
    match cut {
        Some(end) => text.get(..end).unwrap_or_default().to_owned(),
        None => text,
    }
}

/// Renders the one annotation of a run.
#[must_use]
pub fn annotation(ending: &Ending) -> String {
    let level = match ending.exit().code() {
        // Waiting for people is no failure.
        0 | 13 if matches!(ending.word(), "pass" | "pending") => "notice",
        0 => "warning",
        _ => "error",
    };
    format!(
        "::{level} title={}::{}",
        escape_property(&format!("{}: {}", ending.verb, ending.word())),
        escape_data(&ending.headline()),
    )
}

/// Escapes the message of a workflow command.
#[must_use]
pub fn escape_data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn escape_property(text: &str) -> String {
    escape_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Escapes text of others for markdown, so that it stays text.
#[must_use]
pub fn escape_markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\r' => escaped.push(' '),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '@' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Mode, Report};
    use crate::verdict::Verdict;

    fn ending(headline: &str) -> Ending {
        Ending {
            verb: "await-approval".to_owned(),
            mode: Mode::Enforce,
            dry_run: false,
            result: Ok(Report::new("judge", Verdict::Fail, headline)
                .with_output("denied-by", "mallory\nverdict=pass")),
        }
    }

    #[test]
    fn a_value_cannot_pose_as_another_output() {
        let text = outputs(&ending("no"), "d3l1m").unwrap();
        assert_eq!(
            text,
            "verdict<<d3l1m\nfail\nd3l1m\nexit-code<<d3l1m\n10\nd3l1m\n\
             denied-by<<d3l1m\nmallory\nverdict=pass\nd3l1m\n"
        );
        assert!(outputs(&ending("no"), "mallory").is_err());
    }

    #[test]
    fn a_headline_cannot_start_a_command_of_its_own() {
        let line = annotation(&ending("no\n::add-path::/evil"));
        assert_eq!(
            line,
            "::error title=await-approval%3A fail::no%0A::add-path::/evil"
        );
    }

    #[test]
    fn a_summary_shows_foreign_text_as_text() {
        let text = summary(&ending("<img src=x> [a](b)"));
        assert!(text.contains("&lt;img src=x&gt; \\[a\\](b)"), "{text}");
    }
}
