//! Jobs of an analysis: nobody here runs them, but wrong ones are told.

use super::super::document::Node;
use super::super::error::Invalid;

/// Refuses a quantity of a container that Kubernetes would refuse.
pub(super) fn check(job: &Node<'_>) -> Result<(), Invalid> {
    let Some(pod) = job.along(&["spec", "template", "spec"]) else {
        return Ok(());
    };
    for container in pod.list("containers")? {
        for kind in ["requests", "limits"] {
            let Some(amounts) = container.along(&["resources", kind]) else {
                continue;
            };
            for key in amounts.keys() {
                let node = amounts.need(key)?;
                let text = node.scalar()?;
                if !is_quantity(&text) {
                    let why = format!("is `{text}`, not a quantity such as 64Mi or 250m");
                    return Err(node.invalid(why));
                }
            }
        }
    }
    Ok(())
}

/// The units of `apimachinery/pkg/api/resource`.
const UNITS: [&str; 17] = [
    "", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi",
];

fn is_quantity(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = unsigned.find(|next: char| !next.is_ascii_digit() && next != '.');
    let (number, unit) = unsigned.split_at(end.unwrap_or(unsigned.len()));
    let exponent = unit
        .strip_prefix(['e', 'E'])
        .is_some_and(|power| power.parse::<i32>().is_ok());
    number.parse::<f64>().is_ok() && (exponent || UNITS.contains(&unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_those_of_kubernetes() {
        for text in ["invalid", "", "Mi", "1 Mi", "1.2.3", "64mib", "1e", "--1"] {
            assert!(!is_quantity(text), "{text}");
        }
        for text in ["64Mi", "250m", "1", "0.5", "1e3", "5E", "+1k"] {
            assert!(is_quantity(text), "{text}");
        }
    }
}
