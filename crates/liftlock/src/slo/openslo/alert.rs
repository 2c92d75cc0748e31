//! The alert conditions of an SLO.

use super::super::Skipped;
use super::super::alerting::Burn;
use super::super::document::Node;
use super::super::error::{Halt, Invalid};
use super::super::indicator::Op;
use super::super::length;
use super::index::Index;
use super::op;
use crate::span::Span;

/// The most conditions of one SLO.
const MOST: usize = 64;

/// The longest name and severity of a condition, in bytes.
const LONGEST: usize = 512;

/// The conditions of the SLO's policies, and policies that cannot be found.
pub(super) fn policies(
    spec: &Node<'_>,
    slo: &str,
    index: &Index<'_>,
) -> Result<(Vec<Burn>, Vec<Skipped>), Invalid> {
    let mut burns = Vec::new();
    let mut skipped = Vec::new();
    for policy in spec.list("alertPolicies")? {
        match conditions(&policy, index) {
            Ok(more) => burns.extend(more),
            Err(Halt::Skip(why)) => skipped.push(Skipped {
                what: format!("an alert policy of SLO `{slo}`"),
                why,
            }),
            Err(Halt::Invalid(refused)) => return Err(refused),
        }
        if burns.len() > MOST || skipped.len() > MOST {
            return Err(policy.invalid(format!("is one of more than {MOST} of one SLO")));
        }
    }
    Ok((burns, skipped))
}

fn conditions(policy: &Node<'_>, index: &Index<'_>) -> Result<Vec<Burn>, Halt> {
    let named = match policy.get("alertPolicyRef") {
        None if policy.value().is_string() => Some(policy.clone()),
        named => named,
    };
    let policy = match named {
        Some(name) => index.find("AlertPolicy", &name)?,
        None => policy.clone(),
    };
    let mut burns = Vec::new();
    for condition in policy.need("spec")?.list("conditions")? {
        let condition = match condition.get("conditionRef") {
            Some(name) => index.find("AlertCondition", &name)?,
            None => condition,
        };
        burns.push(burn(&condition)?);
    }
    Ok(burns)
}

fn burn(condition: &Node<'_>) -> Result<Burn, Invalid> {
    let name = match condition.get("metadata") {
        Some(metadata) => metadata.note("name")?,
        None => String::new(),
    };
    let spec = condition.need("spec")?;
    let severity = spec.note("severity")?;
    if name.len() + severity.len() > LONGEST {
        return Err(condition.invalid(format!("has names of more than {LONGEST} bytes")));
    }
    let rule = spec.need("condition")?;
    if let Some(kind) = rule.get("kind")
        && kind.text()? != "burnrate"
    {
        return Err(kind.invalid("is not burnrate, the only kind there is"));
    }
    let threshold = rule.need("threshold")?;
    let rate = threshold.real()?;
    if rate <= 0.0 {
        return Err(threshold.invalid("is no burn rate above 0"));
    }
    Ok(Burn {
        name,
        severity,
        op: rule.get("op").map_or(Ok(Op::Gt), |node| op(&node))?,
        threshold: rate,
        lookback: rule.need("lookbackWindow")?.span()?,
        after: rule.get("alertAfter").map_or(Ok(Span::ZERO), |node| {
            let text = node.scalar()?;
            length::parse(&text).ok_or_else(|| node.invalid("is not a length of time such as 5m"))
        })?,
    })
}
