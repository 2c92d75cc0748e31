//! The counters of HAProxy's own statistics, as CSV
//! (management guide, "Statistics and monitoring", "CSV format").

use std::collections::BTreeMap;

use super::error::{Error, short, status, unreadable};
use super::template::{Language, Template};

const SERVICE: &str = "HAProxy";

/// The most lines of a table.
const MOST: usize = 100_000;

type Labels = BTreeMap<String, String>;

/// `PROXY/SERVER/COLUMN`, with more columns to add after a `+`.
#[derive(Clone, Debug)]
pub struct Query(Template);

/// A query with a slot in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    field: &'static str,
    proxy: String,
    server: String,
    columns: Vec<String>,
}

const LANGUAGE: Language = Language {
    service: SERVICE,
    allowed: "names of proxies and servers have letters, digits, `-`, `_`, `.` and `:`",
    letter: |letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.' | ':'),
};

impl Query {
    /// Parses a query.
    ///
    /// # Errors
    ///
    /// Fails on another form, and on columns that hold no counter of requests.
    pub fn new(field: &'static str, text: &str) -> Result<Self, Error> {
        let query = Self(Template::new(field, text, LANGUAGE)?);
        query.parts(field, text.trim())?;
        Ok(query)
    }

    /// Whether the query tells slots apart.
    #[must_use]
    pub fn has_slot(&self) -> bool {
        self.0.has_slot()
    }

    /// The query about one slot.
    ///
    /// # Errors
    ///
    /// Fails on a slot that is no name of a server.
    pub fn about(&self, field: &'static str, slot: &str) -> Result<Wanted, Error> {
        self.parts(field, &self.0.about(slot)?)
    }

    fn parts(&self, field: &'static str, text: &str) -> Result<Wanted, Error> {
        let refused = |what: &str| Error::Query {
            field,
            reason: format!("{what}: expected such as be/{{slot}}/hrsp_5xx+econ"),
        };
        let parts: Vec<&str> = text.split('/').collect();
        let &[proxy, server, columns] = parts.as_slice() else {
            return Err(refused("is not PROXY/SERVER/COLUMN"));
        };
        let columns: Vec<String> = columns.split('+').map(str::to_owned).collect();
        let unknown = columns.iter().find(|column| !counts(column));
        match unknown {
            Some(column) => Err(refused(&format!("`{}` counts no requests", short(column)))),
            None if proxy.is_empty() || server.is_empty() => Err(refused("names nothing")),
            None => Ok(Wanted {
                field,
                proxy: proxy.to_owned(),
                server: server.to_owned(),
                columns,
            }),
        }
    }
}

/// The columns that only rise and are about requests or sessions.
fn counts(column: &str) -> bool {
    column.starts_with("hrsp_")
        || matches!(
            column,
            "stot"
                | "req_tot"
                | "econ"
                | "eresp"
                | "ereq"
                | "dreq"
                | "dresp"
                | "wretr"
                | "wredis"
                | "cli_abrt"
                | "srv_abrt"
                | "lbtot"
                | "intercepted"
        )
}

/// The values of each query in the answer of `show stat` or of a statistics
/// page as CSV; none where there is no such server.
///
/// # Errors
///
/// Fails on another status than 200, on anything but the table, and on a
/// column that is unknown or that the server does not count.
pub fn parse<const N: usize>(
    code: u16,
    body: &[u8],
    wanted: [&Wanted; N],
) -> Result<[Vec<(Labels, f64)>; N], Error> {
    status(SERVICE, code, body)?;
    let text = std::str::from_utf8(body).map_err(|_bytes| unreadable(SERVICE, "not UTF-8"))?;
    let mut lines = text.lines().map(str::trim_end);
    let header = lines
        .next()
        .and_then(|line| line.strip_prefix("# "))
        .filter(|line| line.starts_with("pxname,svname,"))
        .ok_or_else(|| unreadable(SERVICE, "no header of its statistics"))?;
    let header: Vec<&str> = header.trim_end_matches(',').split(',').collect();
    let mut found = [const { Vec::new() }; N];
    for (number, line) in lines.filter(|line| !line.is_empty()).enumerate() {
        if number >= MOST {
            return Err(unreadable(SERVICE, "too many lines"));
        }
        let cells = cells(line).ok_or_else(|| unreadable(SERVICE, "a line that is no CSV"))?;
        if cells.len() < header.len() {
            return Err(unreadable(SERVICE, "a line is cut off"));
        }
        for (into, wanted) in found.iter_mut().zip(wanted) {
            if cells.first() == Some(&wanted.proxy) && cells.get(1) == Some(&wanted.server) {
                into.extend(wanted.values(&header, &cells)?);
            }
        }
    }
    Ok(found)
}

impl Wanted {
    fn values(&self, header: &[&str], cells: &[String]) -> Result<Vec<(Labels, f64)>, Error> {
        let refused = |column: &str, why: &str| Error::Query {
            field: self.field,
            reason: format!("names `{column}`, which {why}"),
        };
        let value = |column: &String| {
            let index = header.iter().position(|title| title == column);
            let index = index.ok_or_else(|| refused(column, "this HAProxy does not have"))?;
            let cell = cells.get(index).map_or("", String::as_str);
            if cell.is_empty() {
                let why = format!("is not counted for `{}/{}`", self.proxy, self.server);
                return Err(refused(column, &why));
            }
            let value: u64 = cell
                .parse()
                .map_err(|_digits| unreadable(SERVICE, &format!("`{column}` is `{cell}`")))?;
            let labels = [
                ("__name__", column.as_str()),
                ("proxy", &self.proxy),
                ("server", &self.server),
            ];
            let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
            Ok((labels.into(), exact(value)))
        };
        self.columns.iter().map(value).collect()
    }
}

/// Counters of 64 bits as doubles; what is not exact is refused later.
fn exact(value: u64) -> f64 {
    value.to_string().parse().unwrap_or(f64::NAN)
}

/// Cells with `"` around those that need it, and `""` for a quote inside.
fn cells(line: &str) -> Option<Vec<String>> {
    let mut cells = vec![String::new()];
    let mut letters = line.chars().peekable();
    let mut inside = false;
    while let Some(letter) = letters.next() {
        match letter {
            '"' if inside && letters.next_if_eq(&'"').is_some() => cells.last_mut()?.push('"'),
            '"' => inside = !inside,
            ',' if !inside => cells.push(String::new()),
            letter => cells.last_mut()?.push(letter),
        }
    }
    (!inside).then_some(cells)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Explain as _, Kind};

    const TABLE: &str = "\
# pxname,svname,stot,econ,eresp,check_desc,hrsp_2xx,hrsp_5xx,req_tot,
fe,FRONTEND,9,,,,7,2,9,
be,v1,5,0,0,\"Layer7, \"\"ok\"\"\",5,0,,
be,v2,4,1,0,,2,2,,
";

    fn read(text: &str, query: &str) -> Result<Vec<f64>, Error> {
        let wanted = Query::new("bad", query)?.about("bad", "v2")?;
        let [found] = parse(200, text.as_bytes(), [&wanted])?;
        Ok(found.into_iter().map(|(_, value)| value).collect())
    }

    #[test]
    fn columns_of_a_server_are_read_by_name() {
        assert_eq!(read(TABLE, "be/{slot}/hrsp_5xx+econ").unwrap(), [2.0, 1.0]);
        assert_eq!(read(TABLE, "be/v1/stot").unwrap(), [5.0]);
        assert!(read(TABLE, "be/v9/stot").unwrap().is_empty());
    }

    #[test]
    fn what_is_not_counted_is_refused_and_what_is_no_table_is_no_count() {
        #[rustfmt::skip]
        let refused = [
            ("be/{slot}", "is not PROXY/SERVER/COLUMN"),
            ("be/{slot}/scur", "`scur` counts no requests"),
            ("be/{slot}/req_tot", "names `req_tot`, which is not counted for `be/v2`"),
            ("be/{slot}/hrsp_9xx", "names `hrsp_9xx`, which this HAProxy does not have"),
        ];
        for (query, message) in refused {
            let error = read(TABLE, query).unwrap_err();
            assert_eq!(error.kind(), Kind::Invalid);
            assert!(error.to_string().contains(message), "{error}");
        }
        for text in [
            "",
            "<html>",
            "Unknown command.",
            "# pxname,svname,stot,\nbe,v2",
            "# pxname,svname,stot,\nbe,v2,x,",
            "# pxname,svname,stot,\nbe,\"v2,1,",
        ] {
            assert_eq!(
                read(text, "be/{slot}/stot").unwrap_err().kind(),
                Kind::Blind,
                "{text}"
            );
        }
        for slot in ["v2/x", "v2 ", "v\"2", "v\n2", ""] {
            let query = Query::new("bad", "be/{slot}/stot").unwrap();
            assert!(query.about("bad", slot).is_err(), "{slot:?}");
        }
    }
}
