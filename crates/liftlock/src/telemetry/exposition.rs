//! Pages in Prometheus' text format 0.0.4 or OpenMetrics 1.0
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>,
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>), read for the few
//! series that are asked for.
//!
//! Exemplars and times in a page are left out: what counts is when we asked.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{Error, short, status, unreadable};
use super::matcher::Wanted;

const SERVICE: &str = "a page of metrics";

/// The most bytes of a line, labels of a series and series that are taken.
const LONGEST: usize = 64 * 1024;
const MOST_LABELS: usize = 128;
const MOST_SERIES: usize = 10_000;

type Labels = BTreeMap<String, String>;

/// How a page says that it is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// It does not.
    Text,
    /// By its last line, `# EOF`.
    OpenMetrics,
}

impl Format {
    /// The format that a media type names.
    #[must_use]
    pub fn of(media_type: &str) -> Self {
        if media_type
            .trim_start()
            .starts_with("application/openmetrics-text")
        {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }
}

/// The values of one page that each of the wanted selectors picks.
///
/// # Errors
///
/// Fails on another status than 200, on a page that is cut off or not in
/// the format, and on more series than can be meant.
pub fn parse<const N: usize>(
    code: u16,
    format: Format,
    body: &[u8],
    wanted: [&Wanted; N],
) -> Result<[Vec<(Labels, f64)>; N], Error> {
    status(SERVICE, code, body)?;
    let text = std::str::from_utf8(body).map_err(|_bytes| unreadable(SERVICE, "not UTF-8"))?;
    let mut found = [const { Vec::new() }; N];
    let mut seen = BTreeSet::new();
    let mut ended = false;
    for (number, line) in (1_u64..).zip(text.lines()) {
        let wrong = |what: &str| unreadable(SERVICE, &format!("line {number}: {what}"));
        let line = line.trim();
        if ended {
            return Err(wrong("more behind the end"));
        }
        ended = line == "# EOF" && format == Format::OpenMetrics;
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.len() > LONGEST {
            return Err(wrong("longer than 64 KiB"));
        }
        let Some((labels, value)) = sample(line) else {
            return Err(wrong(&format!("no sample: {}", short(line))));
        };
        let mut taken = false;
        for (into, wanted) in found.iter_mut().zip(wanted) {
            if wanted.fits(&labels) {
                into.push((labels.clone(), value));
                taken = true;
            }
        }
        if taken && !seen.insert(labels) {
            return Err(wrong("the same series again"));
        }
        if seen.len() > MOST_SERIES {
            return Err(Error::TooMany {
                count: seen.len(),
                most: MOST_SERIES,
            });
        }
    }
    if format == Format::OpenMetrics && !ended {
        return Err(unreadable(SERVICE, "it is cut off: no `# EOF`"));
    }
    Ok(found)
}

/// `name{labels} value [time] [# exemplar]`, with the name inside the braces
/// where it is quoted.
fn sample(line: &str) -> Option<(Labels, f64)> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':');
    let end = line.find(|letter| !plain(letter))?;
    let (name, rest) = line.split_at(end);
    let mut labels = Labels::new();
    let rest = match rest.strip_prefix('{') {
        Some(inside) => pairs(inside, &mut labels)?,
        None => rest,
    };
    if !name.is_empty()
        && labels
            .insert("__name__".to_owned(), name.to_owned())
            .is_some()
    {
        return None;
    }
    if !labels.contains_key("__name__") || !rest.starts_with([' ', '\t']) {
        return None;
    }
    let mut words = rest.split_ascii_whitespace();
    let value = words.next()?.parse().ok()?;
    match words.next() {
        None | Some("#") => Some((labels, value)),
        Some(time) => {
            let time: f64 = time.parse().ok()?;
            let ends = words.next().is_none_or(|word| word == "#");
            (time.is_finite() && ends).then_some((labels, value))
        }
    }
}

/// `a="b",c="d"}` and what is behind it.
fn pairs<'a>(inside: &'a str, labels: &mut Labels) -> Option<&'a str> {
    let mut rest = inside.trim_start();
    loop {
        if let Some(behind) = rest.strip_prefix('}') {
            return Some(behind);
        }
        let (label, tail) = match rest.starts_with('"') {
            true => string(rest)?,
            false => {
                let end = rest.find(['=', ',', '}'])?;
                let (label, tail) = rest.split_at(end);
                (label.trim().to_owned(), tail)
            }
        };
        let (key, value, tail) = match tail.trim_start().strip_prefix('=') {
            Some(tail) => {
                let (value, tail) = string(tail.trim_start())?;
                (label, value, tail)
            }
            // The name of a metric that has to be quoted.
            None if rest.starts_with('"') => ("__name__".to_owned(), label, tail),
            None => return None,
        };
        if key.is_empty() || labels.insert(key, value).is_some() || labels.len() > MOST_LABELS {
            return None;
        }
        rest = tail.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(more) => more.trim_start(),
            None if rest.starts_with('}') => rest,
            None => return None,
        };
    }
}

/// A string in double quotes with the escapes `\\`, `\"` and `\n`.
fn string(text: &str) -> Option<(String, &str)> {
    let mut letters = text.strip_prefix('"')?.char_indices();
    let mut value = String::new();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, text.get(at.checked_add(2)?..)?)),
            '\\' => value.push(match letters.next()?.1 {
                'n' => '\n',
                same @ ('\\' | '"') => same,
                _ => return None,
            }),
            letter => value.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Explain as _, Kind};
    use crate::telemetry::Matcher;

    fn wanted(selector: &str) -> Wanted {
        Matcher::new("total", selector)
            .unwrap()
            .about("v2")
            .unwrap()
    }

    fn read(format: Format, page: &str, selector: &str) -> Result<Vec<(String, f64)>, Error> {
        let [found] = parse(200, format, page.as_bytes(), [&wanted(selector)])?;
        let name = |labels: &Labels| {
            let pairs = labels.iter().map(|(key, value)| format!("{key}={value}"));
            pairs.collect::<Vec<_>>().join(" ")
        };
        Ok(found
            .iter()
            .map(|(labels, value)| (name(labels), *value))
            .collect())
    }

    /// In the shape of the two specifications' own examples.
    const PAGE: &str = "\
# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000
http_requests_total{method=\"post\",code=\"400\"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path=\"C:\\\\DIR\\\\FILE.TXT\",error=\"Cannot find file:\\n\\\"FILE.TXT\\\"\"} 1.458255915e9
metric_without_timestamp_and_labels 12.47
something_weird{problem=\"division by zero\"} +Inf -3982045
http_request_duration_seconds_bucket{le=\"0.05\"} 24054
http_request_duration_seconds_bucket{le=\"+Inf\"} 144320
http_request_duration_seconds_sum 53423
{\"my.dotted.metric\",region=\"eu\"} 4
rpc_nan{a=\"b\",} NaN
";

    #[test]
    fn a_page_is_read_for_what_is_asked() {
        let posts = read(Format::Text, PAGE, "http_requests_total{method=\"post\"}").unwrap();
        let expected = [
            ("__name__=http_requests_total code=200 method=post", 1027.0),
            ("__name__=http_requests_total code=400 method=post", 3.0),
        ];
        assert_eq!(
            posts,
            expected.map(|(name, value)| (name.to_owned(), value))
        );
        let escaped = read(Format::Text, PAGE, "msdos_file_access_time_seconds").unwrap();
        assert!(
            escaped[0]
                .0
                .contains("error=Cannot find file:\n\"FILE.TXT\"")
        );
        assert!(escaped[0].0.contains("path=C:\\DIR\\FILE.TXT"));
        let buckets = read(Format::Text, PAGE, "http_request_duration_seconds_bucket").unwrap();
        assert_eq!(buckets.len(), 2);
        let dotted = read(Format::Text, PAGE, "{__name__=\"my.dotted.metric\"}").unwrap();
        assert_eq!(dotted[0].1.to_string(), "4");
        assert!(read(Format::Text, PAGE, "rpc_nan").unwrap()[0].1.is_nan());
        let infinite = read(Format::Text, PAGE, "something_weird").unwrap();
        assert!(infinite[0].1.is_infinite());
        assert_eq!(read(Format::Text, PAGE, "nothing").unwrap(), []);
    }

    #[test]
    fn openmetrics_ends_with_its_end_and_its_exemplars_are_left_out() {
        let page = "# TYPE foo counter\nfoo_total{a=\"b\"} 17.0 1520879607.789 # {trace_id=\"KOO5S4vxi0o\"} 0.67\nfoo_created{a=\"b\"} 1520430000.123\n# EOF\n";
        let found = read(Format::OpenMetrics, page, "foo_total").unwrap();
        assert_eq!(found, [("__name__=foo_total a=b".to_owned(), 17.0)]);
        let cut = page.trim_end_matches("# EOF\n");
        for bad in [cut.to_owned(), format!("{page}foo_total 1\n")] {
            let error = read(Format::OpenMetrics, &bad, "foo_total").unwrap_err();
            assert_eq!(error.kind(), Kind::Blind);
        }
        assert!(read(Format::Text, cut, "foo_total").is_ok());
        assert_eq!(
            Format::of("application/openmetrics-text; version=1.0.0"),
            Format::OpenMetrics
        );
        assert_eq!(Format::of("text/plain; version=0.0.4"), Format::Text);
    }

    #[test]
    fn what_is_no_page_is_no_count() {
        let long = format!("m{{a=\"{}\"}} 1", "x".repeat(LONGEST));
        let labels: Vec<String> = (0..200).map(|at| format!("l{at}=\"\"")).collect();
        let many = format!("m{{{}}} 1", labels.join(","));
        for page in [
            "<html>sign in</html>",
            "{\"status\":\"success\"}",
            "m",
            "m one",
            "m{a=\"b} 1",
            "m{a=\"\\q\"} 1",
            "m{a=\"b\",a=\"c\"} 1",
            "m{=\"b\"} 1",
            "m{a} 1",
            "m{a=\"b\"}1",
            "m 1 soon",
            "m 1 2 3",
            "m 1\nm 2",
            "{a=\"b\"} 1",
            "m{\"n\"} 1",
            &long,
            &many,
        ] {
            let error = read(Format::Text, page, "m").unwrap_err();
            assert_eq!(error.kind(), Kind::Blind, "{page}: {error}");
        }
        let lines: String = (0..10_001)
            .map(|at| format!("m{{a=\"{at}\"}} 1\n"))
            .collect();
        let error = read(Format::Text, &lines, "m").unwrap_err();
        assert!(matches!(error, Error::TooMany { .. }));
        let gone = parse(401, Format::Text, b"", [&wanted("m")]).unwrap_err();
        assert_eq!(gone.kind(), Kind::Credentials);
        assert!(parse(200, Format::Text, b"m\xff 1", [&wanted("m")]).is_err());
    }
}
