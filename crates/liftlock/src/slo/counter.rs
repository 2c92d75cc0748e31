//! Takes the raw counters out of a query that adds up what they count.
//!
//! `sum(rate(SELECTOR[5m]))` and its kin say how many events there were of one
//! selector. Whoever counts raw samples needs the selector alone; a query that
//! says anything else is refused with the reason.

use super::template;

/// The deepest nesting that is looked into.
const DEEPEST: usize = 16;

/// The selector whose events a query counts: the selector alone, `rate` or
/// `increase` over a range, sums of these by whatever labels, `or vector(0)`.
///
/// # Errors
///
/// Fails with the reason on any other query.
pub fn counted(query: &str) -> Result<Counted<'_>, String> {
    inner(query, DEEPEST)
}

/// What a query counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted<'text> {
    /// The selector of raw counters.
    pub selector: &'text str,
    /// Whether the query takes events of a window, as a gauge would not.
    pub rises: bool,
}

fn inner(text: &str, left: usize) -> Result<Counted<'_>, String> {
    let text = text.trim();
    let Some(deeper) = left.checked_sub(1) else {
        return Err("is nested too deeply".to_owned());
    };
    if text.is_empty() {
        return Err(other(text));
    }
    if let Some(inside) = enclosed(text) {
        return inner(inside, deeper);
    }
    if let Some(without) = without_zero(text) {
        return inner(without, deeper);
    }
    let end = text.find(|letter: char| !is_word(letter));
    let (name, rest) = text.split_at(end.unwrap_or(text.len()));
    match (name, rest.trim_start()) {
        ("sum", rest) => summed(rest).map_or_else(|| Err(other(text)), |part| inner(part, deeper)),
        ("rate" | "increase", rest) => {
            let range = enclosed(rest).and_then(ranged);
            let selector = range.ok_or_else(|| other(text))?;
            Ok(Counted {
                selector,
                rises: true,
            })
        }
        (name, rest) if rest.starts_with('(') => {
            Err(format!("calls `{name}`, which is no count of events"))
        }
        _ if !has_operator(text) => Ok(Counted {
            selector: text,
            rises: false,
        }),
        _ => Err(other(text)),
    }
}

fn other(text: &str) -> String {
    let short: String = text.chars().take(120).collect();
    format!("is no sum over one selector of counters: `{short}`")
}

/// Both sides of `a - b`, where that is all.
pub(crate) fn difference(query: &str) -> Option<(&str, &str)> {
    let mut text = query.trim();
    while let Some(inside) = enclosed(text) {
        text = inside.trim();
    }
    let mut found = None;
    for (at, letter) in outer(text) {
        match letter {
            '-' if found.is_none() => found = Some(at),
            '-' | '+' | '*' | '/' | '%' | '^' | '<' | '>' => return None,
            _ => {}
        }
    }
    let (left, right) = text.split_at(found?);
    Some((left, right.strip_prefix('-')?))
}

/// The quantile and the buckets of `histogram_quantile(q, buckets)`.
pub(crate) fn quantile(query: &str) -> Option<(&str, &str)> {
    let mut text = query.trim();
    while let Some(inside) = enclosed(text) {
        text = inside.trim();
    }
    let inside = enclosed(text.strip_prefix("histogram_quantile")?.trim_start())?;
    let (at, _) = outer(inside).find(|(_, letter)| *letter == ',')?;
    let (quantile, buckets) = inside.split_at(at);
    let buckets = buckets.strip_prefix(',')?.trim();
    Some((
        quantile.trim(),
        buckets.strip_suffix(',').unwrap_or(buckets),
    ))
}

const fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':')
}

/// What is summed: `(a)`, `by (l) (a)` or `(a) by (l)`.
fn summed(rest: &str) -> Option<&str> {
    if let Some(rest) = labelled(rest) {
        return enclosed(rest);
    }
    let (inside, after) = group(rest)?;
    match after.trim_start() {
        "" => Some(inside),
        after => labelled(after)
            .filter(|rest| rest.is_empty())
            .map(|_| inside),
    }
}

/// What is behind `by (labels)` or `without (labels)`.
fn labelled(text: &str) -> Option<&str> {
    let rest = text
        .strip_prefix("by")
        .or_else(|| text.strip_prefix("without"))?;
    let (labels, after) = group(rest.trim_start())?;
    let plain = |letter: char| is_word(letter) || letter == ',' || letter.is_whitespace();
    labels.chars().all(plain).then(|| after.trim_start())
}

/// What a pair of brackets holds that is all of the text.
fn enclosed(text: &str) -> Option<&str> {
    let (inside, after) = group(text)?;
    after.trim().is_empty().then_some(inside)
}

/// What the first pair of brackets holds, and what is behind it.
fn group(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix('(')?;
    let mut depth = 0_usize;
    for (at, letter) in unquoted(rest) {
        match letter {
            '(' => depth = depth.saturating_add(1),
            ')' if depth == 0 => {
                return Some((rest.get(..at)?, rest.get(at.checked_add(1)?..)?));
            }
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// The selector before a range, `m{a="b"}[5m]`.
fn ranged(text: &str) -> Option<&str> {
    let text = text.trim().strip_suffix(']')?;
    let (selector, range) = text.rsplit_once('[')?;
    let window = template::names(range) == [".window"] && range.trim().starts_with("{{");
    let length =
        !range.trim().is_empty() && range.trim().chars().all(|one| one.is_ascii_alphanumeric());
    ((window || length) && !has_operator(selector)).then(|| selector.trim())
}

/// What stands before `or vector(0)`: nothing counted is none.
fn without_zero(text: &str) -> Option<&str> {
    let rest = text.trim_end().strip_suffix(')')?.trim_end();
    let rest = rest.strip_suffix('0')?.trim_end().strip_suffix('(')?;
    let rest = rest.trim_end().strip_suffix("vector")?.trim_end();
    let before = rest.strip_suffix("or")?;
    let bounded = before.ends_with(|letter: char| letter.is_whitespace() || letter == ')');
    let single = outer(before).all(|(_, letter)| !"+-*/%^<>".contains(letter));
    (bounded && single).then_some(before)
}

/// Whether anything but a name and its labels is there.
fn has_operator(text: &str) -> bool {
    let (name, labels) = text.split_at(text.find('{').unwrap_or(text.len()));
    let name = name.trim();
    !name.chars().all(is_word)
        || !(labels.is_empty() || labels.trim_end().ends_with('}'))
        || unquoted(labels).any(|(_, letter)| matches!(letter, '(' | ')' | '[' | ']' | '#'))
}

/// The letters outside of strings.
fn unquoted(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut quote = None;
    let mut escaped = false;
    text.char_indices().filter(move |(_, letter)| match quote {
        Some(open) => {
            if escaped {
                escaped = false;
            } else if *letter == '\\' && open != '`' {
                escaped = true;
            } else if *letter == open {
                quote = None;
            }
            false
        }
        None if matches!(letter, '"' | '\'' | '`') => {
            quote = Some(*letter);
            false
        }
        None => true,
    })
}

/// The letters outside of strings and of all brackets.
fn outer(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut depth = 0_usize;
    unquoted(text).filter(move |(_, letter)| match letter {
        '(' | '[' | '{' => {
            depth = depth.saturating_add(1);
            false
        }
        ')' | ']' | '}' => {
            depth = depth.saturating_sub(1);
            false
        }
        _ => depth == 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selector_is_taken_out_of_sums_and_rates() {
        let selector = r#"m{a="x)[5m]",b=~"(c|d)"}"#;
        for (before, after) in [
            ("", ""),
            ("sum(", ")"),
            ("rate(", "[5m])"),
            ("sum(rate(", "[5m]))"),
            ("sum(increase(", "[{{.window}}]))"),
            ("sum by (a, b) (rate(", "[{{ .window }}]))"),
            ("sum without(c)(rate(", "[1h30m]))"),
            ("sum(rate(", "[5m])) by (a)"),
            ("((sum( rate( ", " [5m] ) ) ))"),
            ("sum(rate(", "[5m])) or vector(0)"),
            ("(sum(rate(", "[5m])) or vector( 0 ))"),
            ("sum(sum by (a) (rate(", "[5m])))"),
        ] {
            let text = format!("{before}{selector}{after}");
            let found = counted(&text).unwrap();
            assert_eq!(found.selector, selector, "{text}");
            assert_eq!(found.rises, after.contains('['), "{text}");
        }
    }

    #[test]
    fn what_counts_anything_else_is_refused() {
        for text in [
            "",
            "()",
            "avg(rate(m[5m]))",
            "irate(m[5m])",
            "sum(irate(m[5m]))",
            "rate(m[5m] offset 1h)",
            "rate(m[5m:1m])",
            "rate(m)",
            "rate((m)[5m])",
            "rate(m[{{.other}}])",
            "sum(rate(m[5m])) * 2",
            "sum(rate(m[5m])) / sum(rate(n[5m]))",
            "sum(rate(m[5m])) + sum(rate(n[5m]))",
            "sum(rate(m[5m])) or sum(rate(n[5m]))",
            "sum(rate(m[5m])) * 2 or vector(0)",
            "sum(rate(m[5m])) or vector(1)",
            "sum(rate(m[5m])) # by",
            "sum(m, n)",
            "sum by (a{}) (rate(m[5m]))",
            "m or n",
            "m and n",
            "m > 1",
            "m @ 5",
            "m offset 5m",
            "1 - m",
            "sum(rate(m[5m]",
            "max_over_time(m[5m])",
        ] {
            assert!(counted(text).is_err(), "{text}");
        }
        let deep = format!("{}m{}", "(".repeat(9000), ")".repeat(9000));
        assert!(counted(&deep).is_err());
    }

    #[test]
    fn differences_and_quantiles_are_taken_apart() {
        let text = r#"(sum(rate(a{x="-"}[5m])) - sum(rate(b[5m])))"#;
        let (left, right) = difference(text).unwrap();
        assert_eq!(counted(left).unwrap().selector, r#"a{x="-"}"#);
        assert_eq!(counted(right).unwrap().selector, "b");
        for text in ["a", "a - b - c", "a - b / c", "a + b"] {
            assert_eq!(difference(text), None, "{text}");
        }
        let text = "histogram_quantile(0.95, sum by (le, x) (rate(m_bucket[5m])))";
        let (quantile, buckets) = quantile(text).unwrap();
        assert_eq!(quantile, "0.95");
        assert_eq!(counted(buckets).unwrap().selector, "m_bucket");
        assert_eq!(super::quantile("histogram_quantile(0.95)"), None);
    }
}
