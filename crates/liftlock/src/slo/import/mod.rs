//! Writes what other formats say as OpenSLO v1, and names what is lost.

mod analysis;
mod document;

use super::objective::Slo;
use super::{Found, Skipped, emit};

/// What came of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The objectives as documents of OpenSLO v1; empty where there are none.
    pub text: String,
    /// The names of the objectives that were written, in order.
    pub written: Vec<String>,
    /// What could not be written, or only in part, and why.
    pub lost: Vec<Skipped>,
}

/// Writes everything that can be written.
///
/// What is written reads as the same objective again, but for what is named
/// as lost.
#[must_use]
pub fn import(found: &[Found]) -> Imported {
    let mut imported = Imported {
        text: String::new(),
        written: Vec::new(),
        lost: Vec::new(),
    };
    for one in found {
        match one {
            Found::Slo(slo) => imported.add(slo, Vec::new()),
            Found::Analysis(metric) => match analysis::objective(metric) {
                Ok((slo, lost)) => imported.add(&slo, lost),
                Err(why) => imported.lose(
                    format!("metric `{}` of `{}`", metric.name, metric.owner),
                    why,
                ),
            },
            Found::Windows(windows) => imported.lose(
                format!("the alert windows for {}", windows.period),
                "OpenSLO has no windows of their own",
            ),
            Found::Skipped(skipped) => imported.lost.push(skipped.clone()),
        }
    }
    imported
}

impl Imported {
    fn add(&mut self, slo: &Slo, mut lost: Vec<&'static str>) {
        let what = format!("SLO `{}`", slo.name);
        if self.written.contains(&slo.name) {
            return self.lose(what, "an objective of that name was written before it");
        }
        match document::document(slo) {
            Ok(document) => {
                if !self.text.is_empty() {
                    self.text.push_str("---\n");
                }
                self.text.push_str(&emit::document(&document));
                self.written.push(slo.name.clone());
                lost.extend(document::lost(slo));
            }
            Err(why) => lost.push(why),
        }
        for why in lost {
            self.lose(what.clone(), why);
        }
    }

    fn lose(&mut self, what: String, why: impl Into<String>) {
        let why = why.into();
        self.lost.push(Skipped { what, why });
    }
}

#[cfg(test)]
mod tests;
