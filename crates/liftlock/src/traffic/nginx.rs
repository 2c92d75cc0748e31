//! The block of nginx that splits clients
//! (<https://nginx.org/en/docs/http/ngx_http_split_clients_module.html>).

use std::collections::BTreeMap;

use crate::name::Name;
use crate::percent::Percent;

/// The whole included file: nginx refuses an `include` inside of the block.
///
/// All but the last slot get a line with their share and the last one the
/// rest, since hashes are cut at whole percentages; a slot without requests
/// has no line, since nginx refuses `0%`.
#[must_use]
pub fn render(key: &str, variable: &str, shares: &BTreeMap<Name, Percent>) -> String {
    let mut text = format!(
        "# Written by liftlock; what is changed here is lost.\nsplit_clients \"{key}\" ${variable} {{\n"
    );
    let mut used: Vec<(&Name, &Percent)> = shares
        .iter()
        .filter(|(_, share)| **share > Percent::ZERO)
        .collect();
    let last = used.pop();
    for (slot, share) in used {
        text.push_str(&format!("    {share} {slot};\n"));
    }
    if let Some((slot, _)) = last {
        text.push_str(&format!("    * {slot};\n"));
    }
    text.push_str("}\n");
    text
}

/// The shares in such a file; nothing where it holds anything else.
#[must_use]
pub fn parse(text: &str) -> Option<BTreeMap<Name, Percent>> {
    let lines = text.lines().map(str::trim);
    let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .next()
        .filter(|line| line.starts_with("split_clients "))?;
    let (mut shares, mut left) = (BTreeMap::new(), Percent::FULL.basis_points());
    for line in lines.take_while(|line| *line != "}") {
        let (share, slot) = line.strip_suffix(';')?.split_once(' ')?;
        let points = match share {
            "*" => left,
            share => share.parse::<Percent>().ok()?.basis_points(),
        };
        left = left.checked_sub(points)?;
        shares.insert(
            slot.trim().parse().ok()?,
            Percent::from_basis_points(points)?,
        );
    }
    Some(shares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_as_the_shares_that_it_gives() {
        let (blue, green): (Name, Name) = ("blue".parse().unwrap(), "green".parse().unwrap());
        for share in ["0%", "0.01%", "5%", "99.5%", "100%"] {
            let share: Percent = share.parse().unwrap();
            let shares = BTreeMap::from([(blue.clone(), share), (green.clone(), share.rest())]);
            let mut read = parse(&render("$request_id", "shop", &shares)).unwrap();
            // A slot without requests has no line.
            for slot in [&blue, &green] {
                read.entry(slot.clone()).or_insert(Percent::ZERO);
            }
            assert_eq!(read, shares);
        }
        for other in ["", "upstream blue {}", "split_clients a b {\n 5% blue\n}"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    fn rendered(blue: &str) -> String {
        let blue: Percent = blue.parse().unwrap();
        let shares = BTreeMap::from([
            ("blue".parse().unwrap(), blue),
            ("green".parse().unwrap(), blue.rest()),
        ]);
        let text = render("$request_id", "shop", &shares);
        let lines: Vec<&str> = text.lines().skip(2).map(str::trim).collect();
        lines.join(" ")
    }

    #[test]
    fn the_last_slot_gets_the_rest_and_nothing_is_no_line() {
        for (blue, expected) in [
            ("0%", "* green; }"),
            ("0.01%", "0.01% blue; * green; }"),
            ("95%", "95% blue; * green; }"),
            ("99.5%", "99.5% blue; * green; }"),
            ("100%", "* blue; }"),
        ] {
            assert_eq!(rendered(blue), expected);
        }
    }
}
