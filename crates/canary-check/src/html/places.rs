//! Where a fault is: a table for each label by which counts are told apart.

use liftlock::canary::Standing;
use liftlock::canary::place::Located;
use liftlock::page::Markup;
use liftlock::page::style::Ink;
use liftlock::verdict::Verdict;

use super::tables;
use crate::run::Judged;
use crate::words::Words;

/// A table of each label's values, those that are named first.
pub(crate) fn all(judged: &Judged) -> Markup {
    let same = |a: &Located, b: &Located| a.metric == b.metric && a.place.label == b.place.label;
    let families = judged.judgement.places.chunk_by(same);
    families.map(|family| table(judged, family)).collect()
}

fn table(judged: &Judged, family: &[Located]) -> Markup {
    let Some(first) = family.first() else {
        return Markup::new();
    };
    let words = Words::of(judged.policy.unit);
    let interval = "95 % interval";
    let heads = ["value", "", "canary", "baseline", words.ratio, interval];
    let head = |text: &str| Markup::element("th", &[("scope", "col")], text);
    let heads = Markup::element("tr", &[], heads.map(head).into_iter().collect::<Markup>());
    let mut sorted: Vec<&Located> = family.iter().collect();
    sorted.sort_by_key(|one| !one.is_named());
    let rows: Markup = sorted.iter().map(|one| row(judged, one, words)).collect();
    let heads = Markup::element("thead", &[], heads);
    let body = Markup::element("tbody", &[], rows);
    let table = Markup::element("table", &[("class", "counts")], heads.and(body));
    let table = Markup::element("div", &[("class", "wide")], table);
    let title = format!("Where: {} by {}", first.metric, first.place.label);
    match family.iter().any(Located::is_named) {
        true => Markup::element("h2", &[], title).and(table),
        false => tables::folded(&title, table),
    }
}

fn row(judged: &Judged, one: &Located, words: &Words) -> Markup {
    let cell = |text: &str| Markup::element("td", &[], text);
    let (standing, verdict) = match one.standing {
        Standing::Worse => ("worse", Verdict::Fail),
        Standing::Suspect => ("stands out", Verdict::Inconclusive),
        Standing::NoWorse => ("no worse", Verdict::Pass),
        Standing::Open => ("", Verdict::Inconclusive),
    };
    let class = format!("ink-{}", Ink::of(verdict).class());
    let standing = Markup::element("td", &[("class", &class)], standing);
    let ratio = one.odds_ratio.map(|ratio| format!("{ratio:.2}"));
    let range = judged.range(one).map(tables::between);
    let place = one.place.to_string();
    let cells = Markup::element("th", &[("scope", "row")], place)
        .and(standing)
        .and(cell(&words.counted(one.canary)))
        .and(cell(&words.counted(one.baseline)))
        .and(cell(&ratio.unwrap_or_default()))
        .and(cell(&range.unwrap_or_default()));
    Markup::element("tr", &[], cells)
}
