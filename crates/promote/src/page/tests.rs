use std::collections::BTreeMap;

use liftlock::config::target::Slots;
use liftlock::percent::Percent;
use liftlock::plan::Action;
use liftlock::plan::journal::{Journal, Turned};
use liftlock::rollback::{Cause, Obstacle};
use liftlock::span::Span;
use liftlock::state::{Hold, How};
use roxmltree::{Document as Xml, Node, ParsingOptions};

use super::*;

/// Text that would break out of anything that did not escape it.
const HOSTILE: &str =
    "\"'></p><script>alert(1)</script><img src=x onerror=y>]]>\n<!--&amp;\u{202e}";

fn at(seconds: i64) -> Time {
    Time::from_unix_millis(1_795_435_200_000 + 1_000 * seconds).unwrap()
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn release(id: &str) -> Reference {
    Reference {
        id: id.to_owned(),
        digest: Digest::of(id.as_bytes()),
        artifacts: BTreeMap::from([(name("api"), Digest::of(id.as_bytes()))]),
    }
}

fn step(id: &str, action: Action) -> Step {
    Step {
        id: id.to_owned(),
        action,
    }
}

fn shift(id: &str, points: u16) -> Step {
    let share = Percent::from_basis_points(points).unwrap();
    let weights = BTreeMap::from([(name("blue"), share.rest()), (name("green"), share)]);
    step(id, Action::Shift { weights })
}

fn plan(kind: Kind) -> Plan {
    let bake = Action::Bake {
        length: Span::seconds(60),
        requests: 100,
        share: Percent::from_basis_points(500).unwrap(),
    };
    Plan {
        kind,
        service: name("shop"),
        environment: name("production"),
        release: release("shop-2"),
        previous: Some(release("shop-1")),
        slots: Some(Slots {
            stable: name("blue"),
            canary: name("green"),
        }),
        found: BTreeMap::new(),
        judging: None,
        metrics: Vec::new(),
        policy: Digest::of(b"policy"),
        approval: Some(Digest::of(b"request")),
        break_glass: None,
        cause: None,
        reason: None,
        made_at: at(0),
        steps: vec![
            shift("01-shift", 500),
            step("02-bake", bake),
            shift("03-shift", 10_000),
        ],
    }
}

/// A plan that turned back while it baked.
fn turned(reason: &str) -> Document {
    let mut journal = Journal::default();
    journal.begin("01-shift", 1, at(1));
    journal.end("01-shift", "blue 95%, green 5%".to_owned(), at(2));
    journal.begin("02-bake", 1, at(3));
    journal.turned = Some(Turned {
        verdict: Verdict::Fail,
        reason: format!("02-bake: {reason}"),
        at: at(40),
    });
    journal.back = vec![shift("back-01-shift", 0)];
    journal.begin("back-01-shift", 1, at(41));
    journal.end("back-01-shift", String::new(), at(42));
    let plan = plan(Kind::Promotion);
    let mut state = Document::default();
    state.go_live(release("shop-1"), How::Promoted, at(-100));
    state.run = Some(Run {
        actors: Vec::new(),
        id: plan.id(),
        plan,
        journal,
        verdict: Some(Verdict::Fail),
        held: None,
    });
    state
}

fn page(state: &Document) -> String {
    render(&Rollout {
        service: &name("shop"),
        environment: &name("production"),
        state,
        now: at(100),
    })
}

/// The page as a reader of XML has it, which every reader of HTML agrees with.
fn read<T>(page: &str, look: impl FnOnce(&Xml<'_>) -> T) -> T {
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    look(&Xml::parse_with_options(page, options).unwrap())
}

fn text(node: Node<'_, '_>) -> String {
    let texts = node.descendants().filter_map(|one| one.text());
    texts.collect::<Vec<_>>().join(" ")
}

#[test]
fn every_step_is_there_with_its_intent_and_its_outcome() {
    let page = page(&turned("canary 4 bad of 31"));
    let rows = read(&page, |page| {
        let rows = page.descendants().filter(|one| one.has_tag_name("tr"));
        rows.map(text).collect::<Vec<_>>()
    });
    let row = |step: &str| {
        let found = rows.iter().find(|row| row.starts_with(step));
        found.unwrap_or_else(|| panic!("{step}: {rows:?}"))
    };
    assert!(row("01-shift").contains(&at(1).to_string()), "{rows:?}");
    assert!(row("01-shift").contains(&at(2).to_string()), "{rows:?}");
    assert!(row("01-shift").contains("1.0 s"), "{rows:?}");
    assert!(row("02-bake").contains("turned the plan back"), "{rows:?}");
    assert!(row("03-shift").contains("not begun"), "{rows:?}");
    assert!(row("back-01-shift").contains(&at(42).to_string()));
    assert!(row("why").contains("canary 4 bad of 31"), "{rows:?}");
    let request = Digest::of(b"request").to_string();
    assert!(row("approved by request").contains(&request), "{rows:?}");
    assert!(row("time to recover").contains("2.0 s"), "{rows:?}");
    assert!(page.contains("<title>promote: fail · shop · production</title>"));
}

#[test]
fn the_share_goes_up_and_comes_down_where_the_journal_says() {
    let state = turned("worse");
    let page = page(&state);
    let lines = read(&page, |page| {
        let paths = page.descendants().filter(|one| one.has_tag_name("path"));
        let lines = paths.filter(|one| one.attribute("class") == Some("line-canary"));
        let drawn = lines.filter_map(|one| one.attribute("d"));
        drawn.map(str::to_owned).collect::<Vec<_>>()
    });
    // From nothing, at 2 s to 5 %, at 42 s back to nothing: six corners.
    let corners: Vec<usize> = lines.iter().map(|line| line.matches('L').count()).collect();
    assert!(corners.contains(&5), "{lines:?}");
    let rings = read(&page, |page| {
        let all = page.descendants();
        all.filter(|one| one.has_tag_name("circle")).count()
    });
    assert_eq!(rings, 1);
}

#[test]
fn what_is_under_way_and_what_never_was_are_said_so() {
    let mut state = turned("worse");
    if let Some(run) = &mut state.run {
        run.verdict = None;
        run.journal.turned = None;
        run.journal.back.clear();
    }
    let told = page(&state);
    assert!(told.contains("under way"), "{told}");
    assert!(!told.contains("The way back"), "{told}");
    let never = page(&Document::default());
    assert!(never.contains("no promotion yet"), "{never}");
    assert!(!never.contains("<svg role"), "{never}");
}

#[test]
fn a_rollback_says_by_whom_and_past_what() {
    let mut state = turned("worse");
    if let Some(run) = &mut state.run {
        run.plan = Plan {
            cause: Some(Cause {
                reason: "complaints".to_owned(),
                by: "alice".to_owned(),
                detected_at: None,
                past: vec![Obstacle::Migration.because("shop-3 changed data")],
            }),
            ..plan(Kind::Rollback)
        };
    }
    let told = page(&state);
    for wanted in [
        "rollback to shop-2",
        "alice: complaints",
        "past shop-3 changed data",
    ] {
        assert!(told.contains(wanted), "{wanted}");
    }
}

#[test]
fn foreign_text_stays_text_and_nothing_is_loaded() {
    let mut state = turned(HOSTILE);
    state.hold = Some(Hold {
        reason: HOSTILE.to_owned(),
        by: HOSTILE.to_owned(),
        at: at(50),
    });
    if let Some(run) = &mut state.run {
        run.plan.release.id = HOSTILE.to_owned();
        run.journal.end("02-bake", HOSTILE.to_owned(), at(39));
    }
    let page = page(&state);
    let inert = HOSTILE.replace(['\n', '\u{202e}'], " ");
    read(&page, |page| {
        for refused in ["script", "img", "link", "iframe", "a"] {
            let found = page.descendants().any(|one| one.has_tag_name(refused));
            assert!(!found, "{refused}");
        }
        let all = text(page.root());
        assert!(all.matches(&inert).count() >= 4, "{all}");
        for node in page.descendants() {
            for attribute in node.attributes() {
                let name = attribute.name();
                assert!(!name.starts_with("on") && name != "src" && name != "href");
            }
        }
    });
    assert!(page.contains("default-src &#39;none&#39;"), "{page}");
}
