//! Objectives and analyses in the formats of others.

use liftlock::slo::{self, Alerting, Error, Format, Found, Slo};
use liftlock::yaml;

use super::Reach;

pub(super) fn file(bytes: &[u8], reach: Reach<'_>) {
    let linted = slo::lint(bytes);
    let found = match slo::parse(bytes) {
        Ok(found) => found,
        Err(refused) => {
            let invalid = matches!(refused, Error::Invalid(_));
            assert_eq!(linted.is_ok(), invalid, "a lint of what is no file");
            if invalid {
                reach("invalid");
            }
            return;
        }
    };
    assert!(linted.is_ok(), "what is read cannot be linted");
    for one in &found {
        reach(match one {
            Found::Slo(_) => "slo",
            Found::Analysis(_) => "analysis",
            Found::Windows(_) => "windows",
            Found::Skipped(_) => "skipped",
        });
    }
    let imported = slo::import(&found);
    if imported.text.is_empty() || imported.text.len() > yaml::LARGEST {
        return;
    }
    let again = slo::parse(imported.text.as_bytes());
    assert!(again.is_ok(), "what was written cannot be read");
    let again: Vec<Slo> = again.into_iter().flatten().filter_map(Found::slo).collect();
    let names: Vec<&String> = again.iter().map(|slo| &slo.name).collect();
    assert_eq!(
        names,
        imported.written.iter().collect::<Vec<_>>(),
        "other names"
    );
    let mut seen = Vec::new();
    for one in found.into_iter().filter_map(Found::slo).map(kept) {
        let first = !seen.contains(&one.name);
        seen.push(one.name.clone());
        if first && imported.written.contains(&one.name) {
            assert!(again.contains(&one), "another objective");
        }
    }
    reach("again");
}

/// What OpenSLO can hold.
fn kept(slo: Slo) -> Slo {
    Slo {
        format: Format::OpenSloV1,
        alerting: Alerting {
            burns: slo.alerting.burns,
            ..Alerting::default()
        },
        grouping: Vec::new(),
        ..slo
    }
}
