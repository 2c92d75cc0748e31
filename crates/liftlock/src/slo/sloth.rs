//! Reads Sloth: `prometheus/v1`, `PrometheusServiceLevel` and `AlertWindows`.
//!
//! Format: `pkg/prometheus/api/v1` and `pkg/kubernetes/api/sloth/v1` of
//! slok/sloth. Objectives are in percent. Plugins are programs of Sloth.

use super::alerting::{Alert, Alerting, Labels};
use super::document::Node;
use super::error::Invalid;
use super::indicator::{Form, Indicator, Part, Query, WINDOW};
use super::objective::{Budgeting, Slo};
use super::target::{Share, Target};
use super::template;
use super::window::{AlertWindows, Pair, Window};
use super::{Format, Found, Reading, Skipped};
use crate::span::Span;

/// Sloth's own period, which its files do not name.
const PERIOD: Span = Span::seconds(30 * 86_400);

/// How the keys are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    /// `error_query`, everything at the root.
    Plain,
    /// `errorQuery`, everything below `spec`.
    Kubernetes,
}

impl Keys {
    const fn format(self) -> Format {
        match self {
            Self::Plain => Format::Sloth,
            Self::Kubernetes => Format::SlothKubernetes,
        }
    }

    /// The key of two that this way of writing uses.
    const fn either(self, plain: &'static str, kubernetes: &'static str) -> &'static str {
        match self {
            Self::Plain => plain,
            Self::Kubernetes => kubernetes,
        }
    }
}

/// The objectives of one service.
pub(super) fn level(root: &Node<'_>, keys: Keys) -> Vec<Reading> {
    match objectives(root, keys) {
        Ok(readings) => readings,
        Err(refused) => vec![Err(refused)],
    }
}

fn objectives(root: &Node<'_>, keys: Keys) -> Result<Vec<Reading>, Invalid> {
    let spec = match keys {
        Keys::Plain => root.clone(),
        Keys::Kubernetes => root.need("spec")?,
    };
    let service = spec.word("service")?;
    let labels = spec.labels("labels")?;
    let slos = spec.list("slos")?;
    if slos.is_empty() {
        return Err(spec
            .need("slos")
            .map_or_else(|missing| missing, |slos| slos.invalid("is empty")));
    }
    let mut readings = plugins(spec.get(keys.either("slo_plugins", "sloPlugins")), service)?;
    for node in slos {
        readings.push(objective(&node, service, &labels, keys));
        match plugins(node.get("plugins"), &node.note("name")?) {
            Ok(skipped) => readings.extend(skipped),
            Err(refused) => readings.push(Err(refused)),
        }
    }
    Ok(readings)
}

/// Names each plugin of a chain once.
fn plugins(node: Option<Node<'_>>, of: &str) -> Result<Vec<Reading>, Invalid> {
    let Some(node) = node else {
        return Ok(Vec::new());
    };
    let mut named: Vec<&str> = Vec::new();
    for plugin in node.list("chain")? {
        let id = plugin.word("id")?;
        if !named.contains(&id) {
            named.push(id);
        }
    }
    let skipped = named.into_iter().map(|id| {
        Ok(Found::Skipped(Skipped {
            what: format!("SLO plugin `{id}` of `{of}`"),
            why: "plugins are programs that only Sloth runs".to_owned(),
        }))
    });
    Ok(skipped.collect())
}

fn objective(node: &Node<'_>, service: &str, labels: &Labels, keys: Keys) -> Reading {
    let name = node.word("name")?;
    let sli = node.need("sli")?;
    if let Some(plugin) = sli.get("plugin") {
        return Ok(Found::Skipped(Skipped {
            what: format!("SLO `{name}` with the SLI plugin `{}`", plugin.word("id")?),
            why: "plugins are programs that only Sloth runs".to_owned(),
        }));
    }
    let indicator = indicator(&sli, keys)?;
    if let Some(unknown) = unknown_place(&indicator) {
        return Ok(Found::Skipped(Skipped {
            what: format!("SLO `{name}`"),
            why: format!("nobody here fills in `{{{{{unknown}}}}}`"),
        }));
    }
    let objective = node.need("objective")?;
    let target = Target::from_percent(&objective.scalar()?)
        .map_err(|refused| objective.invalid(refused.to_string()))?;
    let mut labels = labels.clone();
    labels.extend(node.labels("labels")?);
    Ok(Found::Slo(Box::new(Slo {
        format: keys.format(),
        name: name.to_owned(),
        service: service.to_owned(),
        description: node.note("description")?,
        labels,
        indicator,
        grouping: Vec::new(),
        target,
        window: Window::Rolling(PERIOD),
        budgeting: Budgeting::Occurrences,
        alerting: alerting(node, keys)?,
    })))
}

fn indicator(sli: &Node<'_>, keys: Keys) -> Result<Indicator, Invalid> {
    let query = |node: &Node<'_>, plain, kubernetes| {
        let key = keys.either(plain, kubernetes);
        node.word(key).map(Query::prometheus)
    };
    match (sli.get("events"), sli.get("raw")) {
        (Some(events), None) => Ok(Indicator::Ratio {
            part: Part::Bad,
            form: Form::Amount,
            events: query(&events, "error_query", "errorQuery")?,
            total: query(&events, "total_query", "totalQuery")?,
        }),
        (None, Some(raw)) => Ok(Indicator::Share {
            part: Part::Bad,
            query: query(&raw, "error_ratio_query", "errorRatioQuery")?,
        }),
        (Some(_), Some(_)) => Err(sli.invalid("has both `events` and `raw`: one is needed")),
        (None, None) => Err(sli.invalid("has neither `events` nor `raw`")),
    }
}

/// A place of a query that is not the window's.
fn unknown_place(indicator: &Indicator) -> Option<String> {
    let queries = indicator.queries().into_iter();
    queries
        .flat_map(|query| template::names(&query.text))
        .find(|name| *name != WINDOW)
        .map(str::to_owned)
}

fn alerting(node: &Node<'_>, keys: Keys) -> Result<Alerting, Invalid> {
    let Some(node) = node.get("alerting") else {
        return Ok(Alerting::default());
    };
    let name = node.note("name")?;
    Ok(Alerting {
        name: (!name.is_empty()).then_some(name),
        labels: node.labels("labels")?,
        annotations: node.labels("annotations")?,
        page: alert(node.get(keys.either("page_alert", "pageAlert")))?,
        ticket: alert(node.get(keys.either("ticket_alert", "ticketAlert")))?,
        burns: Vec::new(),
    })
}

fn alert(node: Option<Node<'_>>) -> Result<Alert, Invalid> {
    match node {
        Some(node) if node.is_on("disable")? => Ok(Alert::Off),
        Some(node) => Ok(Alert::On {
            labels: node.labels("labels")?,
            annotations: node.labels("annotations")?,
        }),
        None => Ok(Alert::default()),
    }
}

/// Windows of alerts of one's own.
pub(super) fn windows(root: &Node<'_>) -> Reading {
    let spec = root.need("spec")?;
    let pairs = |severity| {
        let node = spec.need(severity)?;
        Ok::<_, Invalid>([pair(&node.need("quick")?)?, pair(&node.need("slow")?)?])
    };
    Ok(Found::Windows(AlertWindows {
        period: spec.need("sloPeriod")?.span()?,
        page: pairs("page")?,
        ticket: pairs("ticket")?,
    }))
}

fn pair(node: &Node<'_>) -> Result<Pair, Invalid> {
    let budget = node.need("errorBudgetPercent")?;
    let share = Share::from_percent(&budget.scalar()?)
        .filter(|share| share.billionths() > 0)
        .ok_or_else(|| budget.invalid("is not percent of a budget, such as 2"))?;
    let (short, long) = (node.need("shortWindow")?, node.need("longWindow")?);
    let pair = Pair {
        budget: share,
        short: short.span()?,
        long: long.span()?,
    };
    if pair.short > pair.long {
        return Err(short.invalid("is longer than `longWindow`"));
    }
    Ok(pair)
}

#[cfg(test)]
mod tests {
    use indoc::indoc;

    use super::super::{Error, parse};
    use super::*;

    const ONE: &str = indoc! {"
        version: prometheus/v1
        service: shop
        labels: {team: a, tier: 1}
        slos:
          - name: up
            objective: 99.9
            labels: {tier: 2}
            sli:
              events:
                error_query: sum(rate(e[{{.window}}]))
                total_query: sum(rate(t[{{.window}}]))
            alerting:
              name: Burns
              page_alert: {labels: {to: me}}
              ticket_alert: {disable: true}
    "};

    fn refused(text: &str) -> String {
        match parse(text.as_bytes()) {
            Err(Error::Invalid(refused)) => refused.to_string(),
            other => format!("{other:?}"),
        }
    }

    fn only(text: &str) -> Slo {
        let found = parse(text.as_bytes()).unwrap();
        let [Found::Slo(slo)] = found.as_slice() else {
            panic!("{found:?}")
        };
        *slo.clone()
    }

    #[test]
    fn what_promises_nothing_or_all_is_refused_with_its_place() {
        for (objective, message) in [
            (
                "100",
                "`slos[0].objective` is 100 %: that leaves no error budget",
            ),
            ("0", "`slos[0].objective` is 0: nothing is promised"),
        ] {
            let text = ONE.replace("99.9", objective);
            assert_eq!(refused(&text), message);
        }
        assert!(refused(&ONE.replace("99.9", "101")).contains("percent below 100"));
        assert!(refused(&ONE.replace("    objective: 99.9\n", "")).contains("is missing"));
        assert!(refused(&ONE.replace("events:", "others:")).contains("neither"));
    }

    #[test]
    fn an_objective_is_read_as_it_stands() {
        let slo = only(ONE);
        assert_eq!(slo.target.share().billionths(), 999_000_000);
        assert_eq!(slo.labels["team"], "a");
        assert_eq!(slo.labels["tier"], "2", "the objective's own label wins");
        assert_eq!(slo.window, Window::Rolling(Span::seconds(30 * 86_400)));
        assert_eq!(slo.alerting.ticket, Alert::Off);
        let Indicator::Ratio { part, events, .. } = slo.indicator else {
            panic!("{:?}", slo.indicator)
        };
        assert_eq!(part, Part::Bad);
        assert_eq!(events.over(Span::seconds(300)), "sum(rate(e[5m]))");
    }

    #[test]
    fn a_ratio_in_the_percent_field_stays_percent() {
        let slo = only(&ONE.replace("99.9", "0.999"));
        assert_eq!(slo.target.to_string(), "0.999%");
    }

    #[test]
    fn what_only_sloth_can_run_is_named() {
        let plugin = ONE.replace("events:", "plugin: {id: a/b}\n      events:");
        let found = parse(plugin.as_bytes()).unwrap();
        let [Found::Skipped(skipped)] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert!(skipped.what.contains("`a/b`"), "{skipped:?}");
        let other = ONE.replace("sum(rate(e[{{.window}}]))", "'{{ .service }}'");
        let found = parse(other.as_bytes()).unwrap();
        assert!(matches!(found.as_slice(), [Found::Skipped(_)]), "{found:?}");
    }

    #[test]
    fn the_other_keys_are_those_of_kubernetes() {
        let text = indoc! {"
            apiVersion: sloth.slok.dev/v1
            kind: PrometheusServiceLevel
            spec:
              service: shop
              slos:
                - name: up
                  objective: 99
                  sli: {raw: {errorRatioQuery: 'r[{{.window}}]'}}
        "};
        let slo = only(text);
        assert_eq!(slo.format, Format::SlothKubernetes);
        assert!(matches!(
            slo.indicator,
            Indicator::Share {
                part: Part::Bad,
                ..
            }
        ));
        let message = refused(&text.replace("errorRatioQuery", "error_ratio_query"));
        assert!(message.contains("errorRatioQuery"), "{message}");
    }

    #[test]
    fn windows_are_shares_of_the_budget() {
        let text = indoc! {"
            apiVersion: sloth.slok.dev/v1
            kind: AlertWindows
            spec:
              sloPeriod: 7d
              page: &both
                quick: {errorBudgetPercent: 12.5, shortWindow: 5m, longWindow: 1h}
                slow: {errorBudgetPercent: 8, shortWindow: 30m, longWindow: 6h}
              ticket: *both
        "};
        let found = parse(text.as_bytes()).unwrap();
        let [Found::Windows(windows)] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!(windows.page[0].budget.billionths(), 125_000_000);
        assert_eq!(windows.period, Span::seconds(7 * 86_400));
        let turned = text.replace("longWindow: 1h", "longWindow: 1m");
        assert!(refused(&turned).contains("is longer"));
    }
}
