//! Name and value lines: GitLab's dotenv report and Jenkins' properties file.

use crate::report::Ending;

/// GitLab refuses a dotenv report above 5 kB; a single value never needs more
/// bytes.
const VALUE_LIMIT: usize = 400;

/// Renders `LIFTLOCK_OUT_<VERB>_<NAME>=value` lines: at most ten, one line
/// each, no quotes, comments or blank lines.
#[must_use]
pub fn render(ending: &Ending) -> String {
    let verb = constant(&ending.verb);
    let lines = ending.outputs().into_iter().take(10).map(|(name, value)| {
        let name = constant(name);
        format!("LIFTLOCK_OUT_{verb}_{name}={}\n", single_line(&value))
    });
    lines.collect()
}

fn constant(name: &str) -> String {
    name.replace('-', "_").to_ascii_uppercase()
}

/// Foreign text may hold anything: what could start another line, a quote, an
/// escape or an expansion becomes a space.
fn single_line(value: &str) -> String {
    let plain = |letter: char| match letter {
        '"' | '\'' | '\\' | '$' | '`' => ' ',
        letter if letter.is_control() => ' ',
        letter => letter,
    };
    let mut line = String::new();
    for letter in value.chars().map(plain) {
        if line.len() + letter.len_utf8() > VALUE_LIMIT {
            break;
        }
        line.push(letter);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Mode, Report};
    use crate::verdict::Verdict;

    #[test]
    fn one_output_is_one_plain_line() {
        let ending = Ending {
            verb: "canary-check".to_owned(),
            mode: Mode::Enforce,
            dry_run: false,
            result: Ok(Report::new("judge", Verdict::Pass, "fine")
                .with_output("report-path", "a\nPATH=\"/evil\" $(id)")),
        };
        assert_eq!(
            render(&ending),
            "LIFTLOCK_OUT_CANARY_CHECK_VERDICT=pass\n\
             LIFTLOCK_OUT_CANARY_CHECK_EXIT_CODE=0\n\
             LIFTLOCK_OUT_CANARY_CHECK_REPORT_PATH=a PATH= /evil   (id)\n"
        );
    }

    #[test]
    fn the_file_stays_below_the_limit_of_the_forge() {
        let mut report = Report::new("judge", Verdict::Pass, "fine");
        for _ in 0..9 {
            report = report.with_output("who-may", "\u{1f512}".repeat(1000));
        }
        let ending = Ending {
            verb: "await-approval".to_owned(),
            mode: Mode::Enforce,
            dry_run: false,
            result: Ok(report),
        };
        assert!(render(&ending).len() < 5 * 1024);
    }
}
