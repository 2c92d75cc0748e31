use std::collections::BTreeSet;

use liftlock::canary::counts::{Arm, Tally};
use liftlock::canary::panel::Panel;
use liftlock::canary::sight::{Blind, Sight};
use liftlock::canary::{Against, Evidence, Reason, decide};
use liftlock::time::Time;
use roxmltree::{Document, Node, ParsingOptions};

use super::*;
use crate::render;
use crate::run::Seen;

const START: i64 = 1_795_435_200_000;

/// Text that would break out of anything that did not escape it.
const HOSTILE: &str =
    "\"'></p><script>alert(1)</script><img src=x onerror=y>]]>\n<!--&amp;\u{202e}";

/// The same as a reader finds it: some letters are spaces.
fn inert() -> String {
    HOSTILE.replace(['\n', '\u{202e}'], " ")
}

fn row(minute: i64, baseline: (u64, u64), canary: (u64, u64)) -> Row {
    let arm = |(total, bad)| Arm { total, bad };
    Row {
        time: Time::from_unix_millis(START + 60_000 * minute).unwrap(),
        baseline: arm(baseline),
        canary: arm(canary),
    }
}

fn rows(count: i64, baseline: (u64, u64), canary: (u64, u64)) -> Vec<Row> {
    (1..=count).map(|at| row(at, baseline, canary)).collect()
}

fn judged(rows: &[Row], policy: Policy, sight: &Sight) -> Judged {
    let now = rows.last().map_or(Time::EPOCH, |row| row.time);
    let evidence = Evidence { rows, sight };
    Judged {
        judgement: decide(&policy, &evidence, now),
        seen: Seen {
            begun: Panel::single(policy.clone()),
            tallies: rows.iter().map(Tally::from).collect(),
        },
        asked: vec![Asked {
            query: "m{v=\"v1\"}".to_owned(),
            at: now,
            answer: Digest::of(b"answer"),
        }],
        policy,
        evidence: vec![Digest::of(b"counts")],
        notes: vec!["a note".to_owned()],
        probe: None,
    }
}

fn seen(rows: &[Row]) -> Judged {
    judged(rows, Policy::default(), &Sight::default())
}

fn page(judged: &Judged) -> Page<'_> {
    Page {
        verdict: judged.judgement.verdict,
        why: render::headline(&judged.judgement),
        service: None,
        environment: None,
        release: None,
        attestation: None,
        asked: &judged.asked,
        evidence: &judged.evidence,
        sections: Section::all(judged),
        places: places::all(judged),
    }
}

fn parsed(text: &str) -> Document<'_> {
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options).unwrap()
}

fn text(node: Node<'_, '_>) -> String {
    let texts = node.descendants().filter(Node::is_text);
    texts.filter_map(|node| node.text()).collect()
}

fn named<'a>(document: &'a Document<'_>, name: &str) -> Vec<Node<'a, 'a>> {
    let all = document.root().descendants();
    all.filter(|node| node.has_tag_name(name)).collect()
}

/// One of each verdict.
fn kinds() -> Vec<(Verdict, Judged)> {
    let objective = Policy {
        against: Against::slo("99%".parse().unwrap()).unwrap(),
        ..Policy::default()
    };
    let partial = Sight {
        faults: vec![Blind::new(Reason::Partial, "a store is down")],
        ..Sight::default()
    };
    let healthy = || rows(60, (600, 12), (600, 12));
    vec![
        (Verdict::Pass, seen(&healthy())),
        (Verdict::Fail, seen(&rows(9, (300, 3), (300, 15)))),
        (
            Verdict::Fail,
            judged(&rows(9, (0, 0), (300, 15)), objective, &Sight::default()),
        ),
        (Verdict::Inconclusive, seen(&rows(3, (600, 12), (600, 12)))),
        (Verdict::Inconclusive, seen(&rows(30, (600, 0), (600, 0)))),
        (
            Verdict::Blind,
            judged(&healthy(), Policy::default(), &partial),
        ),
        (Verdict::Blind, seen(&[])),
        (Verdict::Blind, seen(&rows(1, (600, 12), (0, 0)))),
    ]
}

#[test]
fn every_verdict_has_a_page_with_its_word_its_sign_and_its_numbers() {
    let mut signs = BTreeSet::new();
    for (verdict, judged) in kinds() {
        let judgement = &judged.judgement;
        assert_eq!(judgement.verdict, verdict);
        let written = render(&page(&judged));
        let document = parsed(&written);
        let heading = named(&document, "h1")[0];
        assert_eq!(text(heading), format!("canary: {verdict}"));
        let sign = heading.descendants().find(|node| node.has_tag_name("path"));
        signs.insert((sign.unwrap().attribute("d").unwrap().to_owned(), verdict));
        let all = text(document.root());
        for (name, value) in render::lines(judgement, &judged.policy) {
            assert!(all.contains(name) && all.contains(&value), "{name}: {all}");
        }
        let why = render::headline(judgement);
        assert!(all.contains(why.get(1..).unwrap()), "{all}");
        for told in [
            judgement.rows_digest.to_string(),
            judgement.algorithm.clone(),
            "a note".to_owned(),
            "m{v=\"v1\"}".to_owned(),
            Digest::of(b"counts").to_string(),
        ] {
            assert!(all.contains(&told), "{told}");
        }
        assert_eq!(
            judged.used().is_empty(),
            named(&document, "figure").is_empty()
        );
    }
    // As many signs as verdicts, whatever the colours.
    assert_eq!(signs.len(), 4, "{signs:?}");
}

#[test]
fn foreign_text_cannot_leave_its_place() {
    let plain = seen(&rows(9, (300, 3), (300, 15)));
    let mut hostile = seen(&rows(9, (300, 3), (300, 15)));
    hostile.notes = vec![HOSTILE.to_owned()];
    hostile.asked[0].query = HOSTILE.to_owned();
    hostile.judgement.algorithm = HOSTILE.to_owned();
    let (plain, mut page_) = (page(&plain), page(&hostile));
    page_.why = HOSTILE.to_owned();
    page_.sections[0].title = HOSTILE.to_owned();
    let written = render(&page_);
    let document = parsed(&written);
    let count = |document: &Document<'_>| {
        let elements = document.root().descendants().filter(Node::is_element);
        elements
            .map(|node| node.tag_name().name().to_owned())
            .collect::<Vec<_>>()
    };
    let told = render(&plain);
    assert_eq!(count(&document), count(&parsed(&told)));
    let all = text(document.root());
    // Why, title, note, query, and twice in the footer.
    assert_eq!(all.matches(&inert()).count(), 6, "{all}");
    assert!(!written.contains("<script") && !written.contains('\u{202e}'));
}

#[test]
fn a_page_is_complete_and_reaches_for_nothing() {
    let known: BTreeSet<&str> = "html head meta title style body header h1 h2 h3 p span svg path \
        code table thead tbody tr th td div figure figcaption text circle desc details summary \
        ul li footer"
        .split_whitespace()
        .collect();
    for (verdict, judged) in kinds() {
        let written = render(&page(&judged));
        let document = parsed(&written);
        for node in document.root().descendants().filter(Node::is_element) {
            assert!(known.contains(node.tag_name().name()), "{node:?}");
            for attribute in node.attributes() {
                let name = attribute.name();
                let refused = ["href", "src", "style", "srcset", "action", "data"];
                assert!(
                    !refused.contains(&name) && !name.starts_with("on"),
                    "{name}"
                );
            }
        }
        for refused in ["://", "url(", "@import", "javascript:", "<!--", "<![CDATA["] {
            assert!(!written.contains(refused), "{verdict}: {refused}");
        }
        assert!(written.contains("default-src &#39;none&#39;; style-src &#39;sha256-"));
    }
}

#[test]
fn figures_are_told_to_those_who_do_not_see_them() {
    let judged = seen(&rows(60, (600, 12), (600, 12)));
    let mut two = page(&judged);
    two.sections.extend(Section::all(&judged));
    for section in &mut two.sections {
        section.standing = Some(Standing::NoWorse);
    }
    let written = render(&two);
    let document = parsed(&written);
    let ids: Vec<&str> = document
        .root()
        .descendants()
        .filter_map(|node| node.attribute("id"))
        .collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    let images = named(&document, "svg");
    let images = images
        .iter()
        .filter(|node| node.attribute("role") == Some("img"));
    let images: Vec<_> = images.collect();
    assert_eq!(images.len(), 8);
    for image in images {
        for (reference, name) in [("aria-labelledby", "title"), ("aria-describedby", "desc")] {
            let id = image.attribute(reference).unwrap();
            let told = image
                .children()
                .find(|node| node.attribute("id") == Some(id));
            let told = told.unwrap();
            assert!(told.has_tag_name(name) && text(told).len() > 5, "{id}");
        }
    }
    // Where there are several, each says how it stands.
    let told = text(document.root());
    assert_eq!(told.matches("Proved to be no worse.").count(), 2);
}

#[test]
fn what_a_page_shows_does_not_grow_with_what_was_counted() {
    let minute = |at: i64| {
        row(
            at,
            (40, u64::from(at % 9 == 0)),
            (40, u64::from(at % 7 == 0)),
        )
    };
    let long: Vec<Row> = (1..=100_000).map(minute).collect();
    let policy = Policy {
        alpha: "1e-9".parse().unwrap(),
        ..Policy::default()
    };
    let mut judged = judged(&long, policy, &Sight::default());
    judged.notes = vec!["a note of some length, as there are now and then".to_owned(); 5_000];
    judged.evidence = (0..1_001_u32)
        .map(|at| Digest::of(&at.to_be_bytes()))
        .collect();
    let written = render(&page(&judged));
    assert!(judged.judgement.rows > 50_000, "{}", judged.judgement.rows);
    assert!(written.len() < 300_000, "{}", written.len());
    assert!(written.contains("and 801 more"));
    parsed(&written);
}

#[test]
fn the_same_counts_give_the_same_page() {
    let once = || render(&page(&seen(&rows(20, (300, 3), (300, 4)))));
    assert_eq!(once(), once());
}

#[test]
fn a_release_and_its_place_are_named() {
    let judged = seen(&rows(9, (300, 3), (300, 15)));
    let (service, environment) = ("shop".parse().unwrap(), "production".parse().unwrap());
    let release = Digest::of(b"release");
    let page = Page {
        service: Some(&service),
        environment: Some(&environment),
        release: Some(release),
        attestation: Some(Digest::of(b"bundle")),
        ..page(&judged)
    };
    let written = render(&page);
    let document = parsed(&written);
    let header = text(named(&document, "header")[0]);
    for told in [
        "shop in production",
        &release.to_string(),
        "signed verdict sha256:",
    ] {
        assert!(header.contains(told), "{header}");
    }
    let title = text(named(&document, "title")[0]);
    assert_eq!(title, "canary-check: fail · shop · production");
}

#[test]
fn a_run_that_went_on_shows_what_it_saw_itself() {
    let all = rows(40, (600, 12), (600, 12));
    let mut begun = Panel::single(Policy::default());
    for row in &all[..30] {
        begun.push(&Tally::from(row), None);
    }
    let mut judged = seen(&all);
    judged.seen.begun = begun;
    judged.seen.tallies.drain(..30);
    assert_eq!(judged.used().len(), 10);
    let section = Section::all(&judged).remove(0);
    assert_eq!(section.points.last().unwrap().row, 40);
    let written = render(&page(&judged));
    assert!(written.contains("decided at 40"));
    assert!(!written.contains("95 % interval"));
}

#[test]
fn a_page_about_rates_speaks_of_events_and_exposure() {
    let policy = || Policy {
        unit: Unit::Rate,
        ..Policy::default()
    };
    for rows in [
        rows(9, (300, 30), (300, 900)),
        rows(60, (600, 120), (600, 120)),
        rows(3, (600, 12), (600, 12)),
    ] {
        let judged = judged(&rows, policy(), &Sight::default());
        let written = render(&page(&judged));
        let all = text(parsed(&written).root()).to_lowercase();
        for wrong in [
            "odds",
            "requests fail",
            "bad request",
            "share of",
            "of its requests",
        ] {
            let at = all.find(wrong);
            assert_eq!(at, None, "{wrong}: {:?}", at.map(|at| &all[at..]));
        }
        for right in ["rate ratio", "events", "exposure"] {
            assert!(all.contains(right), "{right}");
        }
        let report = render::report("judge", &judged, None);
        let told = format!("{report:?}");
        assert!(!told.contains("bad request"), "{told}");
    }
}

#[test]
fn a_hostile_value_of_a_label_is_text_in_the_table_of_places() {
    use liftlock::canary::metric::Metric;
    use liftlock::canary::place::Split;
    let metric = Metric {
        by: vec![Split {
            label: "route".to_owned(),
            values: vec![HOSTILE.to_owned(), "/ok".to_owned()],
        }],
        ..Metric::new("requests".parse().unwrap())
    };
    let begun = Panel::new(&Policy::default(), &[metric]).unwrap();
    let tallies: Vec<Tally> = (1..=9)
        .map(|at| Tally {
            time: row(at, (0, 0), (0, 0)).time,
            counts: [
                [600, 6, 600, 60],
                [300, 3, 300, 57],
                [300, 3, 300, 3],
                [0; 4],
            ]
            .map(Into::into)
            .to_vec(),
        })
        .collect();
    let now = tallies.last().unwrap().time;
    let judgement = begun.clone().judge(&tallies, &Sight::default(), now);
    assert_eq!(judgement.metric, None, "one count has no name");
    let judged = Judged {
        judgement,
        seen: Seen { begun, tallies },
        ..seen(&[])
    };
    let written = render(&page(&judged));
    assert!(!written.contains("<script>alert"), "{written}");
    let document = parsed(&written);
    let all = text(document.root());
    assert!(all.contains("Where: requests by route"), "{all}");
    let mut first = named(&document, "th").into_iter().map(text);
    let first = first.find(|told| told.starts_with("route=")).unwrap();
    assert!(first.contains("<script>alert(1)</script>"), "{first}");
    let lines = render::places(&judged);
    assert_eq!(lines.len(), 1, "{lines:?}");
    let (name, told) = &lines[0];
    assert_eq!(*name, "where");
    assert!(told.starts_with("requests at route=\"\\\"'>"), "{told}");
    assert!(told.contains("odds ratio 23.22 (above 4.68)"), "{told}");
    assert!(!told.contains(['\n', '\u{202e}']), "{told}");
}
