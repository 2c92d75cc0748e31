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

#[cfg(test)]
mod tests {
    use super::*;

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
