//! Metrics under a policy: what a canary is judged by is the policy's to say.

use super::super::environment::{Environment, Slo, default};
use super::super::metrics::Metrics;
use super::{Loosened, at_least, at_most, loosened, same};
use crate::canary::Margin;
use crate::canary::metric::Role;
use crate::percent::Percent;
use crate::telemetry::several::Further;

/// Merges; what only the file names may be shown and decide nothing, as it
/// would take risk and evidence from the metrics of the policy.
pub(super) fn metrics(
    policy: &Environment,
    local: Option<Metrics>,
) -> Result<Option<Metrics>, Loosened> {
    let limits = Limits::of(policy.slo.unwrap_or_default());
    let Some(mut local) = local else {
        return Ok(policy.metrics.clone());
    };
    let Some(policy) = &policy.metrics else {
        for one in &local.further {
            limits.alone(one).map_err(of(one))?;
        }
        return Ok(Some(local));
    };
    let own = std::mem::take(&mut local.further);
    let source = Metrics {
        further: Vec::new(),
        ..policy.clone()
    };
    same("metrics", Some(&source), Some(local))?;
    Ok(Some(Metrics {
        further: list(&policy.further, own, limits)?,
        ..source
    }))
}

fn list(
    policy: &[Further],
    mut own: Vec<Further>,
    limits: Limits,
) -> Result<Vec<Further>, Loosened> {
    let mut merged = Vec::new();
    for rules in policy {
        let place = own.iter().position(|one| one.name == rules.name);
        merged.push(match place.map(|place| own.remove(place)) {
            Some(one) => limits.repeated(rules, &one).map_err(of(&one))?,
            None => rules.clone(),
        });
    }
    for one in &own {
        if one.role != Some(Role::Shown) {
            let role = one.role.unwrap_or_default().word();
            return Err(of(one)(loosened("role", "nothing about it", role)));
        }
        limits.alone(one).map_err(of(one))?;
    }
    merged.extend(own);
    Ok(merged)
}

/// What a metric may not exceed where the policy does not say it of the metric.
#[derive(Clone, Copy)]
struct Limits {
    margin: f64,
    spread: Percent,
}

impl Limits {
    fn of(slo: Slo) -> Self {
        Self {
            margin: slo.margin.unwrap_or(default::MARGIN),
            spread: slo.spread.unwrap_or(default::SPREAD),
        }
    }

    /// A metric that the policy does not name.
    fn alone(self, one: &Further) -> Result<(), Loosened> {
        at_most(
            "margin",
            Some(self.margin),
            one.margin.map(|margin| margin.ratio()),
        )?;
        at_most("spread", Some(self.spread), one.spread.map(Percent::from))?;
        Ok(())
    }

    /// A metric of the policy, as the file repeats it.
    fn repeated(self, policy: &Further, one: &Further) -> Result<Further, Loosened> {
        let query = |field, policy: &Option<String>, local: &Option<String>| match local {
            Some(local) if policy.as_ref() != Some(local) => {
                Err(loosened(field, "something else", "set"))
            }
            Some(_) | None => Ok(()),
        };
        query("total", &policy.total, &one.total)?;
        query("bad", &policy.bad, &one.bad)?;
        query("good", &policy.good, &one.good)?;
        query("exposure", &policy.exposure, &one.exposure)?;
        query("events", &policy.events, &one.events)?;
        query("histogram", &policy.histogram, &one.histogram)?;
        query("gauge", &policy.gauge, &one.gauge)?;
        if one.most.is_some() && one.most != policy.most {
            return Err(loosened("most", "something else", "set"));
        }
        // A heavier metric takes risk from the others, a lighter one has less.
        let weight = policy.weight.unwrap_or_default();
        same("weight", Some(&weight), one.weight)?;
        let role = policy.role.unwrap_or_default();
        same("role", Some(&role), one.role)?;
        if policy.slo.is_none() && one.slo.is_some() {
            // An objective of one's own would stand in for the baseline.
            return Err(loosened("slo", "nothing about it", "set"));
        }
        if !one.by.is_empty() && one.by != policy.by {
            return Err(loosened("by", "something else", "set"));
        }
        let margin = policy.margin.map_or(self.margin, Margin::ratio);
        at_most("margin", Some(margin), one.margin.map(Margin::ratio))?;
        let spread = policy.spread.map_or(self.spread, Percent::from);
        at_most("spread", Some(spread), one.spread.map(Percent::from))?;
        Ok(Further {
            slo: at_least("slo", policy.slo, one.slo)?,
            margin: one.margin.or(policy.margin),
            spread: one.spread.or(policy.spread),
            ..policy.clone()
        })
    }
}

/// Puts the metric's name before the field.
fn of(one: &Further) -> impl Fn(Loosened) -> Loosened + use<'_> {
    |loosened| Loosened {
        field: format!("metrics.further.{}.{}", one.name, loosened.field),
        ..loosened
    }
}

#[cfg(test)]
mod tests {
    use super::super::tighten;
    use crate::config::Service;
    use crate::config::parse;

    const SOURCE: &str = "prometheus: { url: 'http://p', total: 'm{v=\"{slot}\"}', \
                          bad: 'm{v=\"{slot}\",code=\"500\"}' }";

    fn service(metrics: &str) -> Service {
        let text = format!("version: 1\nservice: shop\nenvironments: {{ p: {{ {metrics} }} }}");
        parse(&text, None).unwrap()
    }

    fn one(name: &str, more: &str) -> String {
        format!(
            "{{ name: {name}, total: 'c{{v=\"{{slot}}\"}}', good: 'd{{v=\"{{slot}}\"}}'{more} }}"
        )
    }

    fn with(further: &str) -> Service {
        service(&format!("metrics: {{ {SOURCE}, further: [{further}] }}"))
    }

    fn merged(policy: &Service, local: Service) -> Result<Vec<String>, String> {
        let name: crate::name::Name = "p".parse().unwrap();
        match tighten(policy, local) {
            Ok(merged) => {
                let metrics = merged.environments[&name].metrics.clone().unwrap();
                let told = |one: &crate::telemetry::several::Further| {
                    let spread = one.spread.map(|spread| spread.to_string());
                    format!("{} {:?} {:?}", one.name, one.role, spread)
                };
                Ok(metrics.further.iter().map(told).collect())
            }
            Err(loosened) => Err(loosened.field),
        }
    }

    #[test]
    fn no_metric_of_the_policy_can_be_dropped_or_loosened() {
        let policy = with(&one("cache", ", weight: 3, margin: 1.5, spread: 20%"));
        let kept = ["cache None Some(\"20%\")".to_owned()];
        for silent in [
            service(""),
            service(&format!("metrics: {{ {SOURCE} }}")),
            with(""),
        ] {
            assert_eq!(
                merged(&policy, silent).unwrap(),
                kept,
                "nothing can drop it"
            );
        }
        let cases = [
            ("weight: 2", "weight"),
            ("weight: 4", "weight"),
            ("role: supporting", "role"),
            ("role: shown", "role"),
            ("margin: 1.6", "margin"),
            ("spread: 21%", "spread"),
            ("slo: 1%", "slo"),
        ];
        for (loose, field) in cases {
            let local = with(&one("cache", &format!(", {loose}")));
            let expected = format!("environments.p.metrics.further.cache.{field}");
            assert_eq!(merged(&policy, local), Err(expected), "{loose}");
        }
        let other = "{ name: cache, total: 'c{v=\"{slot}\"}', good: 'c{v=\"{slot}\"}' }";
        let expected = Err("environments.p.metrics.further.cache.good".to_owned());
        assert_eq!(merged(&policy, with(other)), expected);
        let tighter = with(&one("cache", ", margin: 1.25, spread: 5%"));
        assert_eq!(
            merged(&policy, tighter).unwrap(),
            ["cache None Some(\"5%\")"]
        );
    }

    #[test]
    fn a_metric_that_only_the_file_names_decides_nothing() {
        let cache = one("cache", "");
        for policy in [with(""), with(&cache)] {
            for role in ["", ", role: decisive", ", role: supporting, weight: 1000"] {
                let local = with(&one("own", role));
                let expected = Err("environments.p.metrics.further.own.role".to_owned());
                assert_eq!(merged(&policy, local), expected, "{role}");
            }
            let shown = merged(&policy, with(&one("own", ", role: shown"))).unwrap();
            assert_eq!(shown.last().unwrap(), "own Some(Shown) None");
        }
    }

    #[test]
    fn where_the_policy_has_no_metrics_the_limits_of_its_slo_hold() {
        for slo in ["", "slo: { margin: 1 }"] {
            let policy = service(slo);
            for (loose, field) in [("margin: 1.1", "margin"), ("spread: 11%", "spread")] {
                let local = with(&one("own", &format!(", {loose}")));
                let expected = format!("environments.p.metrics.further.own.{field}");
                assert_eq!(merged(&policy, local), Err(expected), "{loose}");
            }
            assert_eq!(
                merged(&policy, with(&one("own", ""))).unwrap(),
                ["own None None"]
            );
        }
    }

    #[test]
    fn another_source_is_refused_whatever_it_asks_further() {
        let policy = with(&one("cache", ""));
        let local = service("metrics: { counts: mine.csv }");
        assert_eq!(
            merged(&policy, local),
            Err("environments.p.metrics".to_owned())
        );
    }

    #[test]
    fn further_metrics_that_nobody_could_ask_for_are_refused() {
        let cases = [
            (
                "counts: c.csv".to_owned(),
                one("a", ""),
                "needs one of prometheus",
            ),
            (
                SOURCE.to_owned(),
                "{ name: a }".to_owned(),
                "metric `a` needs `total`",
            ),
            (
                SOURCE.to_owned(),
                one("requests", ""),
                "two metrics `requests`",
            ),
            (
                SOURCE.to_owned(),
                "{ name: a, histogram: 'm{v=\"1\"}' }".to_owned(),
                "does not hold `{slot}`",
            ),
            (
                SOURCE.to_owned(),
                "{ name: a, histogram: 'rate(m[5m])' }".to_owned(),
                "is no selector",
            ),
        ];
        for (source, further, expected) in cases {
            let text = format!(
                "version: 1\nservice: s\nenvironments: {{ p: {{ metrics: {{ {source}, further: [{further}] }} }} }}"
            );
            let error = parse(&text, None).unwrap_err().to_string();
            assert!(error.contains("environments.p.metrics.further"), "{error}");
            assert!(error.contains(expected), "{error}");
        }
    }
}
