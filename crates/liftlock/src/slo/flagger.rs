//! Reads the `Canary` and the `MetricTemplate` of Flagger.
//!
//! Format: `pkg/apis/flagger/v1beta1` of fluxcd/flagger. Canaries and the
//! templates that they name may be documents of one file.

use std::collections::{BTreeMap, BTreeSet};

use super::analysis::{Analysis, FlaggerRule, Rule};
use super::document::Node;
use super::error::{Halt, Invalid};
use super::indicator::{Query, Source, WINDOW};
use super::{Format, Found, Reading, Skipped, length, settle, template};
use crate::span::Span;

/// Metrics whose query Flagger makes itself, after the mesh.
pub(super) const BUILT_IN: [&str; 2] = ["request-success-rate", "request-duration"];

const MINUTE: Span = Span::seconds(60);

/// The longest query with its names, in bytes.
const LONGEST: usize = 16 * 1024;

/// The metric templates of a file, and which of them it uses.
#[derive(Debug, Default)]
pub(super) struct Templates<'doc> {
    all: BTreeMap<&'doc str, Node<'doc>>,
    used: BTreeSet<&'doc str>,
}

impl<'doc> Templates<'doc> {
    pub(super) fn of(roots: &[Node<'doc>]) -> Self {
        let mut templates = Self::default();
        for root in roots {
            let kind = root.get("kind").and_then(|kind| kind.text().ok());
            let name = root.along(&["metadata", "name"]);
            let name = name.and_then(|name| name.text().ok());
            if let (Some("MetricTemplate"), Some(name)) = (kind, name) {
                templates.all.insert(name, root.clone());
            }
            let metrics = root.get("spec").and_then(|spec| analysis(&spec));
            let metrics = metrics.and_then(|one| one.list("metrics").ok());
            for metric in metrics.unwrap_or_default() {
                let name = metric.along(&["templateRef", "name"]);
                templates
                    .used
                    .extend(name.and_then(|name| name.text().ok()));
            }
        }
        templates
    }
}

/// Reads one document; nothing of a kind that is not of analyses.
pub(super) fn document(root: &Node<'_>, templates: &Templates<'_>) -> Option<Vec<Reading>> {
    let readings = match root.get("kind")?.text().ok()? {
        "Canary" => canary(root, templates),
        "MetricTemplate" => unused(root, templates),
        _ => return None,
    };
    Some(readings.unwrap_or_else(|refused| vec![Err(refused)]))
}

fn unused(root: &Node<'_>, templates: &Templates<'_>) -> Result<Vec<Reading>, Invalid> {
    let name = root.need("metadata")?.word("name")?;
    if templates.used.contains(name) {
        return Ok(Vec::new());
    }
    Ok(vec![Ok(Found::Skipped(Skipped {
        what: format!("MetricTemplate `{name}`"),
        why: "no canary of this file uses it".to_owned(),
    }))])
}

fn analysis<'doc>(spec: &Node<'doc>) -> Option<Node<'doc>> {
    spec.get("analysis").or_else(|| spec.get("canaryAnalysis"))
}

fn canary(root: &Node<'_>, templates: &Templates<'_>) -> Result<Vec<Reading>, Invalid> {
    let owner = root.need("metadata")?.word("name")?;
    let spec = root.need("spec")?;
    let skipped = |why: &str| {
        Ok(vec![Ok(Found::Skipped(Skipped {
            what: format!("Canary `{owner}`"),
            why: why.to_owned(),
        }))])
    };
    let Some(analysis) = analysis(&spec) else {
        return skipped("it has no analysis");
    };
    if spec.is_on("skipAnalysis")? {
        return skipped("it sets `skipAnalysis`");
    }
    let frame = Frame {
        owner,
        names: names(root, &spec)?,
        interval: span(&analysis, "interval")?,
        threshold: match analysis.get("threshold") {
            Some(node) => threshold(&node)?,
            None => 1,
        },
    };
    let metrics = analysis.list("metrics")?;
    if metrics.is_empty() {
        return skipped("its analysis has no metrics");
    }
    let readings = metrics.iter().map(|node| {
        let name = node.word("name")?;
        let what = format!("metric `{name}` of `{owner}`");
        settle(what, frame.metric(node, name, templates))
    });
    Ok(readings.collect())
}

fn threshold(node: &Node<'_>) -> Result<u32, Invalid> {
    let times = node.scalar()?.parse().ok();
    let times: u32 = times.ok_or_else(|| node.invalid("is not a number of checks"))?;
    Ok(times.max(1))
}

fn span(node: &Node<'_>, key: &str) -> Result<Span, Invalid> {
    node.get(key).map_or(Ok(MINUTE), |node| node.span())
}

/// What a template's query may name.
fn names(root: &Node<'_>, spec: &Node<'_>) -> Result<BTreeMap<&'static str, String>, Invalid> {
    let text = |keys: &[&str]| match spec.along(keys) {
        Some(node) => node.text().map(|text| Some(text.to_owned())),
        None => Ok(None),
    };
    let target = text(&["targetRef", "name"])?;
    let service = text(&["service", "name"])?.or_else(|| target.clone());
    let metadata = root.need("metadata")?;
    let namespace = metadata.note("namespace")?;
    let namespace = if namespace.is_empty() {
        "default".to_owned()
    } else {
        namespace
    };
    let known = [
        ("name", Some(metadata.word("name")?.to_owned())),
        ("namespace", Some(namespace)),
        ("target", target),
        ("service", service),
        ("ingress", text(&["ingressRef", "name"])?),
        ("interval", Some(format!("{{{{{WINDOW}}}}}"))),
    ];
    let known = known.into_iter();
    Ok(known
        .filter_map(|(name, value)| Some((name, value?)))
        .collect())
}

/// What all metrics of a canary have in common.
struct Frame<'doc> {
    owner: &'doc str,
    names: BTreeMap<&'static str, String>,
    interval: Span,
    threshold: u32,
}

impl Frame<'_> {
    fn metric(
        &self,
        node: &Node<'_>,
        name: &str,
        templates: &Templates<'_>,
    ) -> Result<Found, Halt> {
        let (min, max) = range(node, name)?;
        let window = match node.get("interval") {
            Some(node) => length::parse(node.text()?)
                .ok_or_else(|| node.invalid("is not a length of time such as 1m"))?,
            None => MINUTE,
        };
        Ok(Found::Analysis(Box::new(Analysis {
            format: Format::Flagger,
            name: name.to_owned(),
            owner: self.owner.to_owned(),
            query: self.query(node, templates)?,
            rule: Rule::Flagger(FlaggerRule {
                min,
                max,
                window,
                interval: self.interval,
                threshold: self.threshold,
            }),
        })))
    }

    fn query(&self, node: &Node<'_>, templates: &Templates<'_>) -> Result<Option<Query>, Halt> {
        if let Some(text) = node.get("query") {
            return self.filled(&text, node, Source::Prometheus).map(Some);
        }
        let Some(reference) = node.get("templateRef") else {
            return Ok(None);
        };
        let name = reference.word("name")?;
        let template = templates.all.get(name).ok_or_else(|| {
            Halt::Skip(format!(
                "its template `{name}` is in no document of this file"
            ))
        })?;
        let spec = template.need("spec")?;
        let provider = spec.need("provider")?;
        let kind = provider.word("type")?;
        let source = Source::named(kind)
            .ok_or_else(|| Halt::Skip(format!("nobody here knows the provider `{kind}`")))?;
        self.filled(&spec.need("query")?, node, source).map(Some)
    }

    fn filled(&self, text: &Node<'_>, metric: &Node<'_>, source: Source) -> Result<Query, Halt> {
        let variables = metric.labels("templateVariables")?;
        let filled = template::fill(text.text()?, |name| {
            let variable = name.strip_prefix("variables.");
            variable.map_or_else(
                || self.names.get(name).cloned(),
                |variable| variables.get(variable).cloned(),
            )
        });
        if filled.len() > LONGEST {
            let why = format!("is longer than {LONGEST} bytes with its names");
            return Err(text.invalid(why).into());
        }
        let open = template::names(&filled)
            .into_iter()
            .find(|name| *name != WINDOW);
        match open {
            Some(open) => Err(Halt::Skip(format!(
                "nothing in this file gives a value for `{{{{{open}}}}}`"
            ))),
            None => Ok(Query {
                source,
                text: filled,
            }),
        }
    }
}

/// The range of good values. The old `threshold` is the least success rate,
/// and the greatest of everything else.
fn range(node: &Node<'_>, name: &str) -> Result<(Option<f64>, Option<f64>), Invalid> {
    let real = |node: Option<Node<'_>>| node.map(|node| node.real()).transpose();
    match (node.get("thresholdRange"), node.get("threshold")) {
        (Some(range), _) => {
            let (min, max) = (real(range.get("min"))?, real(range.get("max"))?);
            if min.is_none() && max.is_none() {
                return Err(range.invalid("has neither `min` nor `max`"));
            }
            Ok((min, max))
        }
        (None, Some(threshold)) => {
            let limit = Some(threshold.real()?);
            Ok(if name == "request-success-rate" {
                (limit, None)
            } else {
                (None, limit)
            })
        }
        (None, None) => Err(node.invalid("has no `thresholdRange`")),
    }
}

#[cfg(test)]
mod tests {
    use indoc::indoc;

    use super::super::parse;
    use super::*;

    const FILE: &str = indoc! {"
        apiVersion: flagger.app/v1beta1
        kind: Canary
        metadata: {name: shop, namespace: test}
        spec:
          targetRef: {name: shop-app}
          analysis:
            interval: 30s
            threshold: 5
            metrics:
              - name: errors
                templateRef: {name: errors}
                templateVariables: {code: 5..}
                thresholdRange: {max: 1}
                interval: 2m
        ---
        apiVersion: flagger.app/v1beta1
        kind: MetricTemplate
        metadata: {name: errors}
        spec:
          provider: {type: prometheus}
          query: 'sum(rate(e{n=\"{{ namespace }}\",t=\"{{ target }}\",c=~\"{{ variables.code }}\"}[{{ interval }}]))'
    "};

    fn first(text: &str) -> Found {
        match parse(text.as_bytes()) {
            Ok(mut found) => found.remove(0),
            Err(refused) => panic!("{refused}"),
        }
    }

    #[test]
    fn what_nobody_here_can_fill_in_is_named() {
        for (text, why) in [
            (
                FILE.replace(
                    "{name: errors}\n        templateV",
                    "{name: other}\n        templateV",
                ),
                "`other` is in no document",
            ),
            (
                FILE.replace("variables.code", "variables.more"),
                "{{variables.more}}",
            ),
            (
                FILE.replace("type: prometheus", "type: own"),
                "provider `own`",
            ),
        ] {
            let Found::Skipped(skipped) = first(&text) else {
                panic!("{why}")
            };
            assert!(skipped.why.contains(why), "{skipped:?}");
        }
        let unbounded = FILE.replace("{max: 1}", "{}");
        let refused = parse(unbounded.as_bytes()).unwrap_err().to_string();
        assert!(refused.contains("neither `min` nor `max`"), "{refused}");
    }

    #[test]
    fn a_template_is_filled_in_for_its_canary() {
        let found = parse(FILE.as_bytes()).unwrap();
        assert_eq!(found.len(), 1, "the template is used: {found:?}");
        let Found::Analysis(analysis) = &found[0] else {
            panic!("{found:?}")
        };
        let query = analysis.query.clone().unwrap();
        assert_eq!(
            query.over(Span::seconds(120)),
            "sum(rate(e{n=\"test\",t=\"shop-app\",c=~\"5..\"}[2m]))"
        );
        let Rule::Flagger(rule) = &analysis.rule else {
            panic!("{analysis:?}")
        };
        assert_eq!((rule.min, rule.max, rule.threshold), (None, Some(1.0), 5));
        assert_eq!(rule.interval, Span::seconds(30));
    }
}
