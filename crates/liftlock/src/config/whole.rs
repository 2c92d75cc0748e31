//! What only the merged rules can tell: whether the order of environments has
//! a beginning, and whether each step lasts until its source can show a row.

use std::collections::{BTreeMap, BTreeSet};

use super::effective::Environment;
use super::environment::Otherwise;
use super::metrics::Metrics;
use crate::failure::{Explain, Kind};
use crate::name::Name;
use crate::percent::Percent;
use crate::span::Span;

/// Why the rules cannot work, whatever is promoted by them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    /// Nobody says which service it is.
    #[error("no service is named: write `service: NAME` or give `--service`")]
    NoService,
    /// A release cannot come from where the rules know nothing.
    #[error(
        "`environments.{environment}.promotes-from` is `{before}`, which is no environment here: there is {known}"
    )]
    NoOrigin {
        /// The environment that says so.
        environment: Name,
        /// Where its releases should come from.
        before: Name,
        /// What is there.
        known: String,
    },
    /// No release could be the first.
    #[error(
        "`environments.{environment}.promotes-from` leads back to `{environment}` ({way}): no release could ever go up"
    )]
    Circle {
        /// Where it begins and ends.
        environment: Name,
        /// The environments on the way.
        way: String,
    },
    /// A step is over before anybody could see anything.
    #[error(
        "`environments.{environment}.{field}` is {length}, and {how}, but `metrics.{source_name}` needs {needed} to show a row (`interval` {interval}, seen {late} after its end): a good release would be taken back unseen"
    )]
    Unseen {
        /// Where.
        environment: Name,
        /// Which step.
        field: &'static str,
        /// How long it is.
        length: Span,
        /// Until when it is looked at.
        how: String,
        /// The kind of the source.
        source_name: &'static str,
        /// The least time until a row is seen.
        needed: Span,
        /// The width of a row.
        interval: Span,
        /// How long after its end it is seen.
        late: Span,
    },
}

impl Explain for Unsound {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoService => None,
            Self::NoOrigin { before, .. } => Some(format!(
                "correct the name, or write `{before}: {{}}` below `environments` where another configuration with this state moves it"
            )),
            Self::Circle { .. } => Some(
                "leave out `promotes-from` of the environment that releases reach first".to_owned(),
            ),
            Self::Unseen { field, needed, .. } => Some(format!(
                "write at least `{field}: {needed}`, or a shorter `interval` of the source where it has one"
            )),
        }
    }
}

/// Refuses rules that cannot work.
pub(super) fn check(environments: &BTreeMap<Name, Environment>) -> Result<(), Unsound> {
    for environment in environments.values() {
        origin(environment, environments)?;
        sight(environment)?;
    }
    Ok(())
}

/// Follows the order back to where it begins.
fn origin(environment: &Environment, all: &BTreeMap<Name, Environment>) -> Result<(), Unsound> {
    let mut way = vec![&environment.name];
    let mut seen = BTreeSet::new();
    let mut here = environment;
    while let Some(before) = here
        .promotes_from
        .as_ref()
        .filter(|_| seen.insert(&here.name))
    {
        here = all.get(before).ok_or_else(|| Unsound::NoOrigin {
            environment: here.name.clone(),
            before: before.clone(),
            known: listed(&all.keys().collect::<Vec<_>>(), ", "),
        })?;
        way.push(before);
        if *before == environment.name {
            return Err(Unsound::Circle {
                environment: environment.name.clone(),
                way: listed(&way, " from "),
            });
        }
    }
    Ok(())
}

fn listed(names: &[&Name], between: &str) -> String {
    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    names.join(between)
}

/// Each step that judges has to last until a row that began with it was seen,
/// or until people are asked.
fn sight(environment: &Environment) -> Result<(), Unsound> {
    let source = environment.metrics.as_ref().and_then(Metrics::source);
    let (Some((provider, counters)), Some(_)) = (source, &environment.slots) else {
        return Ok(());
    };
    let interval = counters.interval(provider);
    let late = provider.late(interval);
    let needed = Span::from_millis(interval.millis().saturating_add(late.millis()));
    for (field, length, otherwise) in steps(environment) {
        let Some(last) = last_look(environment, length, otherwise) else {
            continue;
        };
        if last < needed {
            return Err(Unsound::Unseen {
                environment: environment.name.clone(),
                field,
                length,
                how: match otherwise {
                    Otherwise::Wait => format!("its last look comes after {last}"),
                    Otherwise::Back | Otherwise::Ask => "nobody waits for sight".to_owned(),
                },
                source_name: provider.name(),
                needed,
                interval,
                late,
            });
        }
    }
    Ok(())
}

/// The steps that cannot end without a row of their own: field, length, and
/// what happens where there is none.
fn steps(environment: &Environment) -> Vec<(&'static str, Span, Otherwise)> {
    let mut steps = vec![("bake", environment.bake, environment.on_blind)];
    // From the second share on there are rows, but none of this share.
    let users = environment
        .steps
        .iter()
        .filter(|share| **share > Percent::ZERO);
    if users.count() > 1 && environment.min_requests > 0 {
        steps.push(("bake", environment.bake, environment.on_inconclusive));
    }
    if !environment.watch.is_zero() {
        steps.push(("watch", environment.watch, environment.on_blind));
    }
    steps
}

/// When a step without sight is looked at for the last time, counted from its
/// beginning; nothing where people are asked instead.
fn last_look(environment: &Environment, length: Span, otherwise: Otherwise) -> Option<Span> {
    let look = environment.look.millis().max(1);
    let more = match otherwise {
        Otherwise::Ask => return None,
        Otherwise::Back => 0,
        Otherwise::Wait => match environment.patience {
            Some(patience) => patience.millis(),
            None => length.millis().max(look.saturating_mul(2)),
        },
    };
    let looks = more.div_ceil(look).saturating_mul(look);
    Some(Span::from_millis(length.millis().saturating_add(looks)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::effective::Rules;
    use crate::digest::Digest;
    use crate::report::PolicyOrigin;

    fn rules(environments: &str) -> Result<Rules, Unsound> {
        let text = format!("version: 1\nservice: shop\nenvironments: {{ {environments} }}\n");
        let service = crate::config::parse(&text, None).unwrap();
        let rules = Rules::new(service, Digest::of(b""), PolicyOrigin::Local)?;
        rules.check().map(|()| rules)
    }

    fn told(environments: &str) -> String {
        rules(environments).map_or_else(|why| why.to_string(), |_| "taken".to_owned())
    }

    #[test]
    fn releases_come_from_an_environment_that_is_there_and_never_from_their_own() {
        let cases = [
            ("p: { promotes-from: s }, s: {}", "taken"),
            (
                "p: { promotes-from: s }, s: { promotes-from: t }, t: {}",
                "taken",
            ),
            (
                "p: { promotes-from: stagin }, staging: {}",
                "`environments.p.promotes-from` is `stagin`, which is no environment here: there is p, staging",
            ),
            (
                "p: { promotes-from: p }",
                "`environments.p.promotes-from` leads back to `p` (p from p): no release could ever go up",
            ),
            (
                "a: { promotes-from: b }, b: { promotes-from: c }, c: { promotes-from: a }",
                "`environments.a.promotes-from` leads back to `a` (a from b from c from a): no release could ever go up",
            ),
            (
                "a: { promotes-from: b }, b: { promotes-from: c }, c: { promotes-from: b }",
                "`environments.b.promotes-from` leads back to `b` (b from c from b): no release could ever go up",
            ),
        ];
        for (environments, expected) in cases {
            assert_eq!(told(environments), expected, "{environments}");
        }
        let hint = rules("p: { promotes-from: s }")
            .unwrap_err()
            .hint()
            .unwrap();
        assert!(hint.contains("`s: {}`"), "{hint}");
    }

    /// Rules of an environment whose source is this wide.
    fn judged(kind: &str, interval: &str, more: &str) -> Result<Rules, Unsound> {
        rules(&format!(
            "p: {{ prove: {{ files: 's/{{slot}}' }}, \
             traffic: {{ weights-file: {{ path: w, slots: {{ stable: a, canary: b }} }} }}, \
             metrics: {{ {kind}: {{ url: 'http://m', total: 't{{s=\"{{slot}}\"}}', \
             bad: 'b{{s=\"{{slot}}\"}}', interval: {interval} }} }}, {more} }}"
        ))
    }

    /// Kind of the source, width of its rows, the steps, and which is too short.
    const STEPS: [(&str, &str, &str, &str); 19] = [
        // Rows of 2s, told 2s later: the first after 4s.
        ("prometheus", "2s", "look: 500ms, watch: 1s", "watch"),
        ("prometheus", "2s", "look: 500ms, watch: 2s", "taken"),
        (
            "prometheus",
            "2s",
            "look: 500ms, watch: 4s, on-blind: back",
            "taken",
        ),
        (
            "prometheus",
            "2s",
            "look: 500ms, watch: 3s, on-blind: back",
            "watch",
        ),
        ("prometheus", "2s", "watch: 1s, on-blind: ask", "taken"),
        // Two looks of 15s are waited for, whatever the watch says.
        ("prometheus", "2s", "watch: 1s", "taken"),
        (
            "prometheus",
            "2s",
            "watch: 1s, look: 500ms, patience: 3s",
            "taken",
        ),
        (
            "prometheus",
            "2s",
            "watch: 1s, look: 500ms, patience: 2s",
            "watch",
        ),
        // The look that ends the patience comes late enough.
        (
            "prometheus",
            "2s",
            "watch: 1s, look: 5s, patience: 1s",
            "taken",
        ),
        ("prometheus", "2s", "bake: 1s, look: 500ms", "bake"),
        (
            "prometheus",
            "2s",
            "bake: 1s, look: 500ms, patience: 3s",
            "taken",
        ),
        // The second share has rows to look at, but none of its own.
        (
            "prometheus",
            "2s",
            "bake: 1s, look: 500ms, patience: 3s, on-inconclusive: back",
            "bake",
        ),
        (
            "prometheus",
            "2s",
            "bake: 1s, look: 500ms, patience: 3s, on-inconclusive: back, steps: [100%]",
            "taken",
        ),
        (
            "prometheus",
            "2s",
            "bake: 1s, look: 500ms, patience: 3s, on-inconclusive: back, min-requests: 0",
            "taken",
        ),
        ("prometheus", "1m", "watch: 30s", "watch"),
        ("cloudwatch", "1m", "watch: 1m", "taken"),
        ("cloudwatch", "1m", "watch: 1m, on-blind: back", "watch"),
        ("cloudwatch", "5m", "watch: 2m", "watch"),
        ("victoriametrics", "15s", "bake: 10m, watch: 1h", "taken"),
    ];

    #[test]
    fn a_step_lasts_until_its_source_can_show_a_row() {
        for (kind, interval, more, expected) in STEPS {
            let found = match judged(kind, interval, more) {
                Ok(_) => "taken",
                Err(Unsound::Unseen { field, .. }) => field,
                Err(other) => panic!("{other}"),
            };
            assert_eq!(found, expected, "{kind} {interval} {more}");
        }
    }

    #[test]
    fn what_is_too_short_is_told_with_the_place_both_lengths_and_a_way_out() {
        let refused = judged("prometheus", "2s", "look: 500ms, watch: 1s").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "`environments.p.watch` is 1s, and its last look comes after 2s, but \
             `metrics.prometheus` needs 4s to show a row (`interval` 2s, seen 2s after its end): \
             a good release would be taken back unseen"
        );
        let hint = refused.hint().unwrap();
        assert!(hint.starts_with("write at least `watch: 4s`"), "{hint}");
    }

    #[test]
    fn recorded_counts_and_environments_without_traffic_are_not_timed() {
        let counted = "p: { watch: 1ms, look: 1ms, metrics: { counts: c.csv } }";
        let still =
            "p: { watch: 1ms, look: 1ms, metrics: { prometheus: { url: u, total: t, bad: b } } }";
        for environments in [counted, still] {
            assert_eq!(told(environments), "taken", "{environments}");
        }
    }
}
