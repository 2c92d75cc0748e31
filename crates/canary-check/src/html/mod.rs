//! A verdict as a page for people: why, the numbers, and how they came to be.
//!
//! Everything on it follows from what was judged, so the same counts give the
//! same page.

mod figures;
pub(crate) mod places;
pub(crate) mod tables;

use liftlock::canary::Unit;
use liftlock::canary::counts::{Row, widened};
use liftlock::canary::panel::Strand;
use liftlock::canary::record::Asked;
use liftlock::canary::trace::{Point, trace};
use liftlock::canary::{Judgement, Policy, Standing};
use liftlock::digest::Digest;
use liftlock::name::Name;
use liftlock::page::style::Ink;
use liftlock::page::{Markup, document, sentence, sign};
use liftlock::verdict::Verdict;

use crate::run::Judged;
use crate::words::Words;

/// Points of each line.
const POINTS: usize = 360;

/// Columns of counts, in figures and in tables.
const COLUMNS: usize = 60;

/// The most counts that are drawn.
const MOST: usize = 24;

/// The most notes, queries or digests that are listed.
const LISTED: usize = 200;

/// One count of a run.
pub(crate) struct Section<'a> {
    /// What is counted.
    pub(crate) title: String,
    pub(crate) policy: &'a Policy,
    pub(crate) judgement: &'a Judgement,
    /// Counts in few columns.
    pub(crate) rows: Vec<Row>,
    /// How many rows a column has.
    pub(crate) each: u64,
    pub(crate) points: Vec<Point>,
    /// How it stands among several counts.
    pub(crate) standing: Option<Standing>,
    pub(crate) notes: &'a [String],
}

impl<'a> Section<'a> {
    /// The counts of a run, the first of them with the verdict's numbers.
    pub(crate) fn all(judged: &'a Judged) -> Vec<Self> {
        let begun = judged.seen.begun.clone();
        let names = judged.seen.begun.strands().iter().map(Strand::name);
        let traces = trace(begun, judged.used(), POINTS).into_iter().zip(names);
        // The one that decided comes first, with the verdict's numbers.
        let mut traces: Vec<_> = traces.enumerate().collect();
        traces.sort_by_key(|(_, (_, name))| judged.judgement.metric.as_ref() != Some(name));
        let sections = traces.into_iter().take(MOST);
        sections
            .map(|(place, (points, name))| Self::of(judged, place, (points, name)))
            .collect()
    }

    fn of(judged: &'a Judged, place: usize, (points, name): (Vec<Point>, String)) -> Self {
        let used = judged.rows(place);
        let rows = widened(&used, COLUMNS);
        let each = used.len().div_ceil(rows.len().max(1));
        let strand = judged.seen.begun.strands().get(place);
        Self {
            title: match judged.judgement.metric {
                None if judged.judgement.means.is_some() => Words::of(Unit::Mean).title.to_owned(),
                None => Words::of(judged.policy.unit).title.to_owned(),
                Some(_) => name,
            },
            policy: strand.map_or(&judged.policy, |strand| strand.state().policy()),
            judgement: &judged.judgement,
            standing: judged.judgement.counts.get(place).map(|one| one.standing),
            each: u64::try_from(each).unwrap_or(u64::MAX),
            points,
            rows,
            notes: &judged.notes,
        }
    }
}

/// What a run found, about what.
pub(crate) struct Page<'a> {
    pub(crate) verdict: Verdict,
    /// Why, in one line.
    pub(crate) why: String,
    pub(crate) service: Option<&'a Name>,
    pub(crate) environment: Option<&'a Name>,
    pub(crate) release: Option<Digest>,
    /// The digest of the signed verdict.
    pub(crate) attestation: Option<Digest>,
    /// What was asked, and the digests of the answers.
    pub(crate) asked: &'a [Asked],
    /// The digests of counts and answers.
    pub(crate) evidence: &'a [Digest],
    pub(crate) sections: Vec<Section<'a>>,
    /// Where the fault is, label by label.
    pub(crate) places: Markup,
}

/// Writes the page.
pub(crate) fn render(page: &Page<'_>) -> String {
    let sections = (1_u32..).zip(&page.sections);
    let sections = sections.map(|(number, section)| part(section, number));
    let body = heading(page)
        .and(page.places.clone())
        .and(Markup::from_iter(sections))
        .and(sources(page))
        .and(footer(page));
    let about = [page.service, page.environment].into_iter().flatten();
    let about = about.map(|name| format!(" · {name}")).collect::<String>();
    document(&format!("canary-check: {}{about}", page.verdict), body)
}

fn heading(page: &Page<'_>) -> Markup {
    let ink = Ink::of(page.verdict);
    let class = format!("ink-{}", ink.class());
    let word = Markup::element("span", &[("class", &class)], page.verdict.word());
    let title = sign(page.verdict).and("canary: ").and(word);
    let place = match (page.service, page.environment) {
        (Some(service), Some(environment)) => Some(format!("{service} in {environment}")),
        (Some(name), None) | (None, Some(name)) => Some(name.to_string()),
        (None, None) => None,
    };
    let digests = [
        ("release ", page.release),
        ("signed verdict ", page.attestation),
    ];
    let digests = digests.into_iter().filter_map(|(name, digest)| {
        let digest = Markup::element("code", &[], digest?.to_string());
        Some(Markup::element("p", &[], Markup::from(name).and(digest)))
    });
    let edge = format!("edge-{}", ink.class());
    let inner = Markup::element("h1", &[], title)
        .and(Markup::element(
            "p",
            &[("class", "why")],
            sentence(&page.why),
        ))
        .and(
            place
                .map(|place| Markup::element("p", &[], place))
                .unwrap_or_default(),
        )
        .and(digests.collect::<Markup>());
    Markup::element("header", &[("class", &edge)], inner)
}

fn part(section: &Section<'_>, number: u32) -> Markup {
    let title = Markup::element("h2", &[], section.title.as_str());
    // Alone it has the verdict of the page.
    let standing = section.standing.map(|standing| {
        let ink = match standing {
            Standing::Worse => Ink::of(Verdict::Fail),
            Standing::NoWorse => Ink::of(Verdict::Pass),
            Standing::Suspect | Standing::Open => Ink::of(Verdict::Inconclusive),
        };
        let class = format!("ink-{}", ink.class());
        Markup::element("p", &[("class", &class)], sentence(word(standing)))
    });
    let first = title.and(standing.unwrap_or_default());
    let head = match number {
        1 => first.and(tables::numbers(section)).and(listed(
            "Notes",
            section.notes.iter().map(|note| note.as_str().into()),
        )),
        _ => first,
    };
    let body = head
        .and(figures::all(section, &format!("m{number}")))
        .and(tables::counts(section));
    match number {
        1 => body.and(tables::rules(section)),
        _ => body,
    }
}

const fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Worse => "proved to be worse",
        Standing::Suspect => "stands out, though it alone is not proved",
        Standing::NoWorse => "proved to be no worse",
        Standing::Open => "neither worse nor no worse is proved",
    }
}

/// A list with a heading; nothing when it is empty.
fn listed(title: &str, items: impl ExactSizeIterator<Item = Markup>) -> Markup {
    if items.len() == 0 {
        return Markup::new();
    }
    let item = |item: Markup| Markup::element("li", &[], item);
    let more = items.len().saturating_sub(LISTED);
    let more = (more > 0).then(|| item(format!("and {more} more").into()));
    let list = items.take(LISTED).map(item);
    let list = Markup::element("ul", &[], list.chain(more).collect::<Markup>());
    Markup::element("h3", &[], title).and(list)
}

/// What was asked for, and the digests of what came.
fn sources(page: &Page<'_>) -> Markup {
    let code = |text: &str| Markup::element("code", &[], text);
    let asked = page.asked.iter().rev().map(|asked| {
        let at = Markup::from(format!(" at {}: ", asked.at));
        code(&asked.query)
            .and(at)
            .and(code(&asked.answer.to_string()))
    });
    let digests = page.evidence.iter().map(|digest| code(&digest.to_string()));
    let inner = listed("Digests of the record and of the counts", digests).and(listed(
        "What was asked, newest first, and the digests of the answers",
        asked,
    ));
    tables::folded("Where the counts come from", inner)
}

fn footer(page: &Page<'_>) -> Markup {
    let line = |section: &Section<'_>| {
        let judgement = section.judgement;
        let text = format!("{}: algorithm {}, ", section.title, judgement.algorithm);
        let digest = Markup::element("code", &[], judgement.rows_digest.to_string());
        let text = Markup::from(text).and("chain over the rows ").and(digest);
        Markup::element("p", &[], text)
    };
    let lines = page.sections.iter().take(1).map(line);
    let told = "The same counts give the same verdict and the same figures on every machine.";
    let told = Markup::element("p", &[], told);
    Markup::element("footer", &[], Markup::from_iter(lines).and(told))
}

#[cfg(test)]
mod tests;
