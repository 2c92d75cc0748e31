//! Plans made, walked and walked back, as data.

use super::back::{back, gives_way, irreversible, is_down, is_untouched, may_end, perhaps_moved};
use super::journal::{Journal, Requested, Turned};
use super::make::{Inputs, Refusal, promotion, rollback};
use super::next::{Next, next};
use super::outlook::{Outlook, Seen};
use super::standing::Standing;
use super::stray::Stray;
use super::wish::{What, Wish};
use super::*;
use crate::config::effective::Rules;
use crate::report::PolicyOrigin;
use crate::state::{Document, Hold, How, Lease, Owner, Run};
use crate::verdict::Verdict;

const TRAFFIC: &str = "
version: 1
service: shop
environments:
  production:
    place: { command: [./place] }
    prove: { files: 'slots/{slot}' }
    traffic: { weights-file: { path: w.json, slots: { stable: blue, canary: green } } }
    metrics: { counts: counts.csv }
    slo: { availability: 99% }
    steps: [5%, 100%]
    watch: 1m
    targets: [{ registry: { image: 'oci-layout:site', tag: live }, artifact: api }]
";

fn rules(text: &str) -> Rules {
    let service = crate::config::parse(text, None).unwrap();
    Rules::new(service, Digest::of(b"policy"), PolicyOrigin::Local).unwrap()
}

fn release(id: &str) -> Reference {
    Reference {
        id: id.to_owned(),
        digest: Digest::of(id.as_bytes()),
        artifacts: BTreeMap::from([("api".parse().unwrap(), Digest::of(b"api"))]),
    }
}

fn plan(
    text: &str,
    state: &Document,
    make: fn(&Inputs<'_>) -> Result<Plan, Refusal>,
) -> Result<Plan, Refusal> {
    let rules = rules(text);
    let name: Name = "production".parse().unwrap();
    make(&Inputs {
        service: &rules.service,
        environment: rules.environment(&name).unwrap(),
        state,
        release: &release("two"),
        pointers: &[Some(Digest::of(b"old api"))],
        policy: rules.policy,
        approval: None,
        break_glass: None,
        now: Time::EPOCH,
    })
}

fn live() -> Document {
    let mut state = Document::default();
    state.go_live(release("one"), How::Promoted, Time::EPOCH);
    state
}

fn ids(steps: &[Step]) -> Vec<&str> {
    steps.iter().map(|step| step.id.as_str()).collect()
}

#[test]
fn a_promotion_proves_before_each_shift_and_points_last() {
    let made = plan(TRAFFIC, &live(), promotion).unwrap();
    assert_eq!(made.kind, Kind::Promotion);
    assert_eq!(
        ids(&made.steps),
        [
            "01-place", "02-prove", "03-shift", "04-bake", "05-check", "06-prove", "07-shift",
            "08-bake", "09-check", "10-point", "11-swap", "12-watch"
        ]
    );
    assert_eq!(made.candidate().unwrap().as_str(), "green");
}

#[test]
fn a_first_release_goes_up_in_one_step_against_its_objective() {
    let made = plan(TRAFFIC, &Document::default(), promotion).unwrap();
    assert_eq!(made.kind, Kind::First);
    let shifts = made.steps.iter().filter(|step| step.id.ends_with("shift"));
    assert_eq!(shifts.count(), 1);
    let without = TRAFFIC.replace("slo: { availability: 99% }", "watch: 0s");
    let without = without.replace("    watch: 1m\n", "");
    let refused = plan(&without, &Document::default(), promotion);
    assert!(
        matches!(refused, Err(Refusal::NoObjective(_))),
        "{refused:?}"
    );
}

#[test]
fn both_tests_of_a_plan_share_the_chance_of_a_false_alarm() {
    let made = |text: &str, state: &Document| {
        let made = plan(text, state, promotion).unwrap();
        (made.part(), made.alone_for())
    };
    let (minute, bake) = (Span::seconds(60), Span::seconds(600));
    let both = Span::from_millis(minute.millis() + bake.millis());
    // Beside the baseline, and beside the objective at 100 % and in the watch.
    assert_eq!(made(TRAFFIC, &live()), (0.5, both));
    // Nothing is ever beside these.
    assert_eq!(made(TRAFFIC, &Document::default()), (1.0, both));
    let at_once = TRAFFIC.replace("[5%, 100%]", "[100%]");
    assert_eq!(made(&at_once, &live()), (1.0, both));
    // Nothing is judged at 100 %, so no promise is needed.
    let brief = TRAFFIC
        .replace("watch: 1m", "bake: 0s\n    min-requests: 0")
        .replace("slo: { availability: 99% }", "");
    assert_eq!(made(&brief, &live()), (1.0, Span::ZERO));
}

#[test]
fn what_could_not_be_judged_or_proved_is_refused() {
    let cases = [
        ("metrics: { counts: counts.csv }", "NoMetrics"),
        ("prove: { files: 'slots/{slot}' }", "NoProof"),
        ("slo: { availability: 99% }", "NoWatch"),
        (
            "slo: { availability: 99% }\n    steps: [5%, 100%]\n    watch: 1m",
            "NoWhole",
        ),
    ];
    for (line, refusal) in cases {
        let text = TRAFFIC.replace(line, "");
        assert_ne!(text, TRAFFIC);
        let refused = plan(&text, &live(), promotion).unwrap_err();
        assert!(format!("{refused:?}").starts_with(refusal), "{line}");
    }
    let page = "metrics: { envoy: { url: 'http://a', total: 'c.{slot}.t', bad: 'c.{slot}.b' } }";
    let scraped = TRAFFIC.replace("metrics: { counts: counts.csv }", page);
    let refused = plan(&scraped, &live(), promotion).unwrap_err();
    assert!(matches!(refused, Refusal::NoHistory(..)), "{refused:?}");
    let nothing = "version: 1\nservice: shop\nenvironments: { production: {} }\n";
    let refused = plan(nothing, &live(), promotion).unwrap_err();
    assert!(matches!(refused, Refusal::Nothing(_)));
}

#[test]
fn the_live_release_is_not_promoted_again() {
    let mut state = live();
    state.go_live(release("two"), How::Promoted, Time::EPOCH);
    let refused = plan(TRAFFIC, &state, promotion).unwrap_err();
    assert_eq!(refused, Refusal::Live("two".to_owned()));
}

#[test]
fn the_way_back_undoes_what_was_begun_traffic_first() {
    let made = plan(TRAFFIC, &live(), promotion).unwrap();
    let mut journal = Journal::default();
    for id in ids(&made.steps) {
        journal.begin(id, 1, Time::EPOCH);
    }
    let steps = back(&made, &journal);
    assert_eq!(
        ids(&steps),
        [
            "back-01-shift",
            "back-02-point",
            "back-03-swap",
            "back-04-prove"
        ]
    );
    let Action::Point { to, .. } = &steps[1].action else {
        panic!("{:?}", steps[1]);
    };
    assert_eq!(*to, Digest::of(b"old api"));
    assert!(irreversible(&made, &journal).is_empty());
}

#[test]
fn what_was_never_begun_is_left_alone() {
    let made = plan(TRAFFIC, &live(), promotion).unwrap();
    let mut journal = Journal::default();
    journal.begin("01-place", 1, Time::EPOCH);
    assert_eq!(back(&made, &journal), []);
    journal.begin("03-shift", 1, Time::EPOCH);
    assert_eq!(
        ids(&back(&made, &journal)),
        ["back-01-shift", "back-02-prove"]
    );
}

#[test]
fn any_interruption_continues_at_the_first_open_step() {
    let made = plan(TRAFFIC, &live(), promotion).unwrap();
    let mut journal = Journal::default();
    for step in &made.steps {
        assert_eq!(next(&made, &journal), Next::Up(step.clone()));
        journal.begin(&step.id, 1, Time::EPOCH);
        assert_eq!(next(&made, &journal), Next::Up(step.clone()));
        journal.end(&step.id, String::new(), Time::EPOCH);
    }
    assert_eq!(next(&made, &journal), Next::Done(Verdict::Pass));
    journal.turned = Some(Turned {
        verdict: Verdict::Fail,
        reason: "worse".to_owned(),
        at: Time::EPOCH,
    });
    journal.back = back(&made, &journal);
    for step in journal.back.clone() {
        assert_eq!(next(&made, &journal), Next::Back(step.clone()));
        journal.begin(&step.id, 2, Time::EPOCH);
        journal.end(&step.id, String::new(), Time::EPOCH);
    }
    assert_eq!(next(&made, &journal), Next::Done(Verdict::Fail));
}

#[test]
fn a_rollback_uses_the_slot_that_still_holds_the_release() {
    let mut state = live();
    let placed = plan(TRAFFIC, &state, rollback).unwrap();
    assert_eq!(placed.steps[0].id, "01-place");
    let green: Name = "green".parse().unwrap();
    state.contents.insert(green, release("two"));
    // Where there is a command it is asked for anyway: it looks first.
    let held = plan(TRAFFIC, &state, rollback).unwrap();
    assert_eq!(held.steps[0].id, "01-place");
    let without = TRAFFIC.replace("place: { command: [./place] }", "lease: 1m");
    let held = plan(&without, &state, rollback).unwrap();
    assert_eq!(
        ids(&held.steps),
        ["01-prove", "02-shift", "03-point", "04-swap", "05-prove"]
    );
}

#[test]
fn a_journal_and_a_plan_that_know_no_metrics_are_read_as_they_were_written() {
    let made = plan(TRAFFIC, &live(), promotion).unwrap();
    let text = serde_json::to_string(&made).unwrap();
    assert!(!text.contains("metrics"), "{text}");
    let read: Plan = serde_json::from_str(&text).unwrap();
    assert_eq!((read.id(), read.metrics.len()), (made.id(), 0));
    let old = r#"{"entries":[{"step":"01-place","fence":1,"began_at":"2026-01-01T00:00:00Z"}]}"#;
    let journal: Journal = serde_json::from_str(old).unwrap();
    assert_eq!((journal.entries.len(), journal.metrics.len()), (1, 0));
    assert_eq!(
        serde_json::from_str::<Journal>(&serde_json::to_string(&journal).unwrap()).unwrap(),
        journal
    );
}

#[test]
fn a_plan_has_the_metrics_that_it_is_judged_by() {
    let text = TRAFFIC.replace(
        "metrics: { counts: counts.csv }",
        "metrics: { prometheus: { url: 'http://p', total: 'm{v=\"{slot}\"}', bad: 'n{v=\"{slot}\"}' }, \
         further: [{ name: cache, weight: 3, total: 'c{v=\"{slot}\"}', good: 'd{v=\"{slot}\"}' }] }",
    );
    let made = plan(&text, &live(), promotion).unwrap();
    assert_eq!(made.metrics.len(), 1);
    assert_eq!(u16::from(made.metrics[0].weight), 3);
    assert_eq!(plan(&text, &live(), rollback).unwrap().metrics, []);
}

/// The same, with a pointer of the team's own.
fn pointing(reversible: &str) -> String {
    let registry = "registry: { image: 'oci-layout:site', tag: live }";
    let command =
        format!("command: {{ name: store, read: [r], point: [p], reversible: {reversible} }}");
    TRAFFIC.replace(registry, &command)
}

#[test]
fn what_cannot_be_moved_back_is_told_and_left() {
    let made = plan(&pointing("no"), &live(), promotion).unwrap();
    let step = made.steps.iter().find(|step| step.id == "10-point");
    let shown = step.unwrap().action.to_string();
    assert!(shown.ends_with("reversible: no"), "{shown}");
    let mut journal = Journal::default();
    for id in ids(&made.steps) {
        journal.begin(id, 1, Time::EPOCH);
    }
    let steps = back(&made, &journal);
    assert_eq!(
        ids(&steps),
        ["back-01-shift", "back-02-swap", "back-03-prove"]
    );
    assert_eq!(irreversible(&made, &journal), ["store"]);
    let refused = plan(&pointing("no"), &live(), rollback).unwrap_err();
    assert_eq!(refused, Refusal::Irreversible("store".to_owned()));
    assert_eq!(refused.kind(), crate::failure::Kind::Refuted);
}

#[test]
fn what_can_be_moved_back_for_a_while_is_moved_back_and_told() {
    let made = plan(&pointing("window"), &live(), promotion).unwrap();
    let mut journal = Journal::default();
    journal.begin("10-point", 1, Time::EPOCH);
    let steps = back(&made, &journal);
    assert_eq!(ids(&steps), ["back-01-point"]);
    let shown = steps[0].action.to_string();
    assert!(shown.ends_with("reversible: window"), "{shown}");
    assert!(irreversible(&made, &journal).is_empty());
    assert!(plan(&pointing("window"), &live(), rollback).is_ok());
}

/// A value that people move by merging, and nothing else.
fn by_people() -> String {
    let start = TRAFFIC.split("    place:").next().unwrap();
    format!(
        "{start}    targets: [{{ git: {{ repo: ../d.git, branch: main, file: v.yaml, path: a, \
         request: {{ repository: 'github:acme/deploy' }} }}, artifact: api }}]\n"
    )
}

#[test]
fn what_people_may_not_have_merged_is_withdrawn_before_it_is_moved_back() {
    let made = plan(&by_people(), &live(), promotion).unwrap();
    let shown = made.steps[0].action.to_string();
    assert!(shown.ends_with("reversible: request"), "{shown}");
    let mut journal = Journal::default();
    assert_eq!(back(&made, &journal), []);
    journal.begin("01-point", 1, Time::EPOCH);
    let steps = back(&made, &journal);
    assert_eq!(ids(&steps), ["back-01-withdraw", "back-02-point"]);
    journal.end("01-point", String::new(), Time::EPOCH);
    assert_eq!(ids(&back(&made, &journal)), ["back-01-point"]);
    assert!(irreversible(&made, &journal).is_empty());
    assert!(plan(&by_people(), &live(), rollback).is_ok());
}

#[test]
fn a_first_request_is_left_only_where_it_was_merged() {
    let mut made = plan(&by_people(), &live(), promotion).unwrap();
    if let Action::Point { from, .. } = &mut made.steps[0].action {
        *from = None;
    }
    let mut journal = Journal::default();
    journal.begin("01-point", 1, Time::EPOCH);
    assert_eq!(ids(&back(&made, &journal)), ["back-01-withdraw"]);
    assert!(irreversible(&made, &journal).is_empty());
    journal.end("01-point", String::new(), Time::EPOCH);
    assert_eq!(back(&made, &journal), []);
    assert_eq!(irreversible(&made, &journal), ["../d.git#main:v.yaml a"]);
}

#[test]
fn a_step_waits_for_one_request_until_it_ends() {
    let asked = |step: &str, page: &str| Requested {
        step: step.to_owned(),
        page: page.to_owned(),
        until: Some(Time::EPOCH),
    };
    let mut journal = Journal::default();
    for (step, page) in [("01-point", "a"), ("02-point", "b"), ("01-point", "c")] {
        journal.request(asked(step, page));
    }
    assert_eq!(
        journal.requests,
        [asked("02-point", "b"), asked("01-point", "c")]
    );
    let told =
        "02-point waits until b is merged; it goes back unless that is before 1970-01-01T00:00:00Z";
    assert_eq!(journal.requests[0].to_string(), told);
    journal.end("02-point", String::new(), Time::EPOCH);
    assert_eq!(journal.requests, [asked("01-point", "c")]);
}

#[test]
fn a_request_is_told_until_it_is_withdrawn() {
    let made = plan(&by_people(), &live(), promotion).unwrap();
    let mut journal = Journal::default();
    journal.begin("01-point", 1, Time::EPOCH);
    journal.request(Requested {
        step: "01-point".to_owned(),
        page: "the page".to_owned(),
        until: Some(Time::EPOCH),
    });
    assert!(journal.open_requests()[0].starts_with("01-point waits until the page is merged"));
    journal.back = back(&made, &journal);
    let told = "the page may still be open: nobody is to merge it any more";
    assert_eq!(journal.open_requests(), [told]);
    for step in journal.back.clone() {
        journal.begin(&step.id, 1, Time::EPOCH);
    }
    journal.end("back-02-point", String::new(), Time::EPOCH);
    assert_eq!(journal.open_requests(), [told]);
    journal.end("back-01-withdraw", String::new(), Time::EPOCH);
    assert!(journal.requests.is_empty());
}

#[test]
fn what_older_versions_do_not_know_is_written_only_where_it_is_used() {
    // Else a plan that an older version began would have another id here.
    let made = plan(TRAFFIC, &live(), promotion).unwrap();
    let text = serde_json::to_string(&made).unwrap();
    for field in ["reason", "patience", "answer_within"] {
        assert!(!text.contains(field), "{text}");
    }
    let journal = serde_json::to_string(&Journal::default()).unwrap();
    assert_eq!(journal, r#"{"entries":[]}"#);
}

#[test]
fn a_reconcile_moves_what_differs_and_has_no_way_back() {
    let because = |inputs: &Inputs<'_>| reconcile::reconcile(inputs, "restarted");
    let made = plan(TRAFFIC, &live(), because).unwrap();
    assert_eq!(
        ids(&made.steps),
        ["01-prove", "02-shift", "03-point", "04-prove"]
    );
    assert!(made.reconciles() && made.release.id == "one");
    let Action::Shift { weights } = &made.steps[1].action else {
        panic!("{made:?}");
    };
    assert_eq!(weights[&made.slots.as_ref().unwrap().stable], Percent::FULL);
    let mut journal = Journal::default();
    for step in &made.steps {
        journal.begin(&step.id, 1, Time::EPOCH);
    }
    assert!(back(&made, &journal).is_empty());
    let there = TRAFFIC.replace("artifact: api", "artifact: old");
    let missing = plan(&there, &live(), because).unwrap_err();
    assert!(matches!(missing, Refusal::NoArtifact(_)), "{missing:?}");
    let unknown = plan(TRAFFIC, &Document::default(), because).unwrap_err();
    assert!(matches!(unknown, Refusal::Unknown(_)), "{unknown:?}");
    assert!(!plan(TRAFFIC, &live(), rollback).unwrap().reconciles());
}

#[test]
fn a_rollback_is_down_once_something_went_down_and_nothing_else_ever_is() {
    let down = |made: &Plan, until: &dyn Fn(&Action) -> bool| {
        let mut journal = Journal::default();
        for step in made.steps.iter().take_while(|step| !until(&step.action)) {
            journal.begin(&step.id, 1, Time::EPOCH);
            journal.end(&step.id, String::new(), Time::EPOCH);
        }
        if let Some(step) = made.steps.iter().find(|step| until(&step.action)) {
            journal.begin(&step.id, 1, Time::EPOCH);
        }
        is_down(made, &journal)
    };
    let shift = |action: &Action| matches!(action, Action::Shift { .. });
    let point = |action: &Action| matches!(action, Action::Point { .. });
    let never = |_: &Action| false;
    let made = plan(TRAFFIC, &live(), rollback).unwrap();
    assert!(!down(&made, &shift));
    assert!(down(&made, &point) && down(&made, &never));
    // Without traffic a pointer is all there is; where it is tells whether it moved.
    let bare = "version: 1\nservice: shop\nenvironments: { production: { targets: [\
                { registry: { image: 'oci-layout:site', tag: live }, artifact: api }] } }";
    let bare = plan(bare, &live(), rollback).unwrap();
    assert!(!down(&bare, &point) && down(&bare, &never));
    let mut begun = Journal::default();
    assert!(perhaps_moved(&bare, &begun).is_empty());
    walked(&mut begun, &bare.steps, 0);
    assert_eq!(perhaps_moved(&bare, &begun), [&bare.steps[0]]);
    // What people were asked to merge they may merge at any time.
    let mut asked = bare.clone();
    if let Action::Point { reversible, .. } = &mut asked.steps[0].action {
        *reversible = Reversible::Request;
    }
    assert!(down(&asked, &point) && perhaps_moved(&asked, &begun).is_empty());
    let up = plan(TRAFFIC, &live(), promotion).unwrap();
    let because = |inputs: &Inputs<'_>| reconcile::reconcile(inputs, "restarted");
    let again = plan(TRAFFIC, &live(), because).unwrap();
    assert!(!down(&up, &never) && !down(&again, &never));
}

/// The first of these steps are done, the next one is begun.
fn walked(journal: &mut Journal, steps: &[Step], done: usize) {
    for step in &steps[..done] {
        journal.begin(&step.id, 1, Time::EPOCH);
        journal.end(&step.id, String::new(), Time::EPOCH);
    }
    if let Some(step) = steps.get(done) {
        journal.begin(&step.id, 1, Time::EPOCH);
    }
}

#[test]
fn a_plan_tells_which_release_has_which_share_at_any_step_and_back() {
    let made = plan(TRAFFIC, &live(), promotion).unwrap();
    let mut journal = Journal::default();
    let mut told = Vec::new();
    for done in [0, 2, 3, 6, 9, 10] {
        walked(&mut journal, &made.steps, done);
        told.push(Standing::of(&made, &journal).to_string());
    }
    journal.turned = Some(Turned {
        verdict: Verdict::Fail,
        reason: "worse".to_owned(),
        at: Time::EPOCH,
    });
    journal.back = back(&made, &journal);
    let steps = journal.back.clone();
    for done in [0, 1, 2, 4] {
        walked(&mut journal, &steps, done);
        told.push(Standing::of(&made, &journal).to_string());
    }
    let (before, all) = ("requests: one 100%, two 0%", "requests: one 0%, two 100%");
    let label = "oci-layout:site:live";
    let expected = [
        format!("{before}; 01-place is not done"),
        format!("{before}, or already one 95%, two 5%; 03-shift is not done"),
        "requests: one 95%, two 5%; 04-bake is not done".to_owned(),
        "requests: one 95%, two 5%, or already one 0%, two 100%; 07-shift is not done".to_owned(),
        format!("{all}; moved to two: {label} (begun); 10-point is not done"),
        format!("{all}; moved to two: {label}; 11-swap is not done"),
        format!(
            "{all}, or already one 100%, two 0%; moved to two: {label}; back-01-shift is not done"
        ),
        format!("{before}; moved to two: {label}; back-02-point is not done"),
        format!("{before}; back-03-swap is not done"),
        format!("{before}; every step is done, its end is not noted"),
    ];
    for (told, expected) in told.iter().zip(&expected) {
        assert_eq!(told, expected);
    }
    // Nobody knows what requests did before a reconcile, or where nothing was live.
    let because = |inputs: &Inputs<'_>| reconcile::reconcile(inputs, "restarted");
    let again = plan(TRAFFIC, &live(), because).unwrap();
    let first = plan(TRAFFIC, &Document::default(), promotion).unwrap();
    for made in [again, first] {
        let standing = Standing::of(&made, &Journal::default());
        assert_eq!(standing.shares, []);
    }
}

fn under_way(made: Plan) -> Document {
    let mut state = live();
    state.run = Some(Run {
        id: made.id(),
        plan: made,
        journal: Journal::default(),
        actors: Vec::new(),
        verdict: None,
        held: None,
    });
    state
}

fn at(seconds: u32) -> Time {
    Time::EPOCH.after(Span::seconds(seconds))
}

/// What a run for this release would do, in a word.
fn ahead(state: &Document, id: &str) -> (String, Verdict) {
    let seen = Seen {
        strays: &state.strays(),
        now: at(1),
    };
    let outlook = state.outlook(&release(id).digest, seen, &|_| false);
    let word = match outlook {
        Outlook::Live(_) => "live",
        Outlook::Another(_) => "another",
        Outlook::Rests(..) => "rests",
        Outlook::Driven(..) => "driven",
        Outlook::GoesOn(_) => "goes on",
        Outlook::Stuck(_) => "stuck",
        Outlook::Held(_) => "held",
        Outlook::Begins => "begins",
    };
    (word.to_owned(), outlook.verdict())
}

#[test]
fn what_a_run_would_do_follows_from_the_state_alone() {
    let is = |state: &Document, id: &str, word: &str, verdict: Verdict| {
        assert_eq!(ahead(state, id), (word.to_owned(), verdict));
    };
    let mut state = live();
    is(&state, "one", "live", Verdict::Pass);
    is(&state, "two", "begins", Verdict::Pass);
    let hold = Hold {
        reason: "incident".to_owned(),
        by: "bob".to_owned(),
        at: Time::EPOCH,
    };
    state.hold = Some(hold);
    is(&state, "one", "live", Verdict::Pass);
    is(&state, "two", "held", Verdict::Blocked);

    let made = plan(TRAFFIC, &live(), promotion).unwrap();
    let mut state = under_way(made);
    is(&state, "two", "goes on", Verdict::Pass);
    is(&state, "one", "another", Verdict::Blocked);
    let owner = Owner {
        run: "r".to_owned(),
        machine: "m".to_owned(),
        process: "1".to_owned(),
    };
    state.lease = Some(Lease {
        token: "t".to_owned(),
        owner,
        fence: 1,
        since: Time::EPOCH,
        expires_at: at(60),
    });
    is(&state, "two", "driven", Verdict::Blocked);
    let by = crate::record::Actor {
        id: "alice".to_owned(),
        proof: "test".to_owned(),
    };
    let pause = Wish::new(What::Pause, "lunch", by, Time::EPOCH).unwrap();
    pause.note(&mut state).unwrap();
    is(&state, "two", "rests", Verdict::Pending);
    state.lease = None;
    let journal = &mut state.run.as_mut().unwrap().journal;
    journal.turned = Some(Turned {
        verdict: Verdict::Blind,
        reason: "no sight".to_owned(),
        at: Time::EPOCH,
    });
    is(&state, "two", "goes on", Verdict::Blind);
    let journal = &mut state.run.as_mut().unwrap().journal;
    journal.stuck = vec!["back-01-shift".to_owned()];
    is(&state, "two", "goes on", Verdict::Stuck);
    let journal = &mut state.run.as_mut().unwrap().journal;
    journal.begin("back-01-shift", 1, Time::EPOCH);
    is(&state, "two", "goes on", Verdict::Blind);
}

#[test]
fn what_a_plan_left_at_what_failed_is_known_until_a_release_is_live() {
    let mut made = plan(TRAFFIC, &Document::default(), promotion).unwrap();
    for step in &mut made.steps {
        if let Action::Point { from, .. } = &mut step.action {
            *from = None;
        }
    }
    let mut state = under_way(made);
    state.live = None;
    let run = state.run.as_mut().unwrap();
    let steps = run.plan.steps.clone();
    walked(&mut run.journal, &steps, steps.len());
    run.journal.turned = Some(Turned {
        verdict: Verdict::Fail,
        reason: "worse".to_owned(),
        at: Time::EPOCH,
    });
    assert_eq!(state.strays(), []);
    state.run.as_mut().unwrap().verdict = Some(Verdict::Stuck);
    let told: Vec<String> = state.strays().iter().map(Stray::to_string).collect();
    let left = "oci-layout:site:live still points at two, whose plan went back";
    assert_eq!(told, [left]);
    assert_eq!(ahead(&state, "two"), ("stuck".to_owned(), Verdict::Stuck));
    assert_eq!(ahead(&state, "three"), ("begins".to_owned(), Verdict::Pass));
    // Another plan does not make it forgotten, another release does.
    state.retire(None);
    assert_eq!(state.strays().len(), 1);
    state.go_live(release("three"), How::Promoted, at(2));
    assert_eq!(state.strays(), []);
}

#[test]
fn a_pointer_that_was_there_already_is_not_left_behind() {
    let mut made = plan(&pointing("no"), &live(), promotion).unwrap();
    let mut journal = Journal::default();
    journal.begin("10-point", 1, Time::EPOCH);
    assert_eq!(irreversible(&made, &journal), ["store"]);
    let steps = made.steps.iter_mut();
    for step in steps.filter(|step| step.id == "10-point") {
        if let Action::Point { from, to, .. } = &mut step.action {
            *from = Some(*to);
        }
    }
    assert!(irreversible(&made, &journal).is_empty());
}

#[test]
fn a_rollback_is_untouched_until_requests_or_pointers_are() {
    let made = plan(TRAFFIC, &live(), rollback).unwrap();
    let steps = &made.steps;
    let shift = |step: &Step| matches!(step.action, Action::Shift { .. });
    let shift = steps.iter().position(shift).unwrap();
    let untouched = |done: usize| {
        let mut journal = Journal::default();
        walked(&mut journal, steps, done);
        is_untouched(&made, &journal)
    };
    assert!((0..shift).all(untouched));
    assert!(!(shift..=steps.len()).any(untouched));
    let point = |step: &&Step| matches!(step.action, Action::Point { .. });
    let point = steps.iter().find(point).unwrap();
    let mut journal = Journal::default();
    journal.begin(&point.id, 1, Time::EPOCH);
    assert!(!is_untouched(&made, &journal));
}

#[test]
fn a_rollback_that_is_stuck_gives_way_where_no_requests_are_at_it() {
    let bare = "version: 1\nservice: shop\nenvironments: { production: { targets: [\
                { registry: { image: 'oci-layout:site', tag: live }, artifact: api }] } }";
    for (rules, expected) in [(bare, true), (TRAFFIC, false)] {
        let made = plan(rules, &live(), rollback).unwrap();
        let mut journal = Journal::default();
        walked(&mut journal, &made.steps, made.steps.len());
        assert!(!gives_way(&made, &journal) && !may_end(&made, &journal));
        journal.stuck = vec!["01-point".to_owned()];
        let told = (gives_way(&made, &journal), may_end(&made, &journal));
        assert_eq!(told, (expected, expected));
    }
}

#[test]
fn a_rollback_stands_while_the_hold_does_that_it_left_behind() {
    let made = plan(TRAFFIC, &live(), rollback).unwrap();
    let mut state = under_way(made);
    state.go_live(release("two"), How::RolledBack, at(10));
    state.run.as_mut().unwrap().verdict = Some(Verdict::Pass);
    let stands = |state: &Document| crate::rollback::stands(state).is_some();
    assert!(!stands(&state), "nobody holds it");
    for (placed, expected) in [(5, true), (10, true), (11, false)] {
        state.hold = Some(Hold {
            reason: "incident".to_owned(),
            by: "bob".to_owned(),
            at: at(placed),
        });
        assert_eq!(stands(&state), expected, "{placed}");
    }
    // Whoever finished it has a clock that is behind; it is its own hold.
    let held = state.hold.clone();
    let run = state.run.as_mut().unwrap();
    run.held.clone_from(&held);
    assert!(stands(&state));
    let run = state.run.as_mut().unwrap();
    run.held = None;
    run.plan.made_at = at(11);
    assert!(stands(&state), "it was there before the plan");
    let run = state.run.as_mut().unwrap();
    run.plan.made_at = at(10);
    run.held = held.map(|hold| Hold { at: at(9), ..hold });
    assert!(!stands(&state), "it is another one");
    state.hold.as_mut().unwrap().at = at(5);
    state.go_live(release("two"), How::Promoted, at(12));
    assert!(!stands(&state), "it was promoted since");
}
