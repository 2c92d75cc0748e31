//! Answers that are looked at again.

use liftlock::approval::forge::Event;

use super::*;
use crate::forge::Again;

impl World {
    fn told(&self, asked: &Identified) -> Vec<Event> {
        let spot = &asked.request.place.as_ref().unwrap().at;
        let about = (asked, "?");
        let found = self.gitlab().answers(spot, about, &self.keyring());
        found.unwrap().events
    }

    /// Who still counts of those who answered, and who is gone.
    fn again(&self, asked: &Identified, events: &[Event]) -> (Vec<u64>, usize) {
        let mut found = Again::default();
        let again = self
            .gitlab()
            .again((asked, events), &self.keyring(), &mut found);
        again.unwrap();
        assert_eq!(found.0.len(), events.len());
        let policy = self.policy();
        let counts = |event: &&Event| {
            let now = found.0[&event.digest()].as_ref();
            let heard = now.map(|now| hear(now, asked, &policy));
            matches!(heard, Some(Heard::Told { .. }))
        };
        let counted = events.iter().filter(counts).map(|event| event.account);
        let gone = found.0.values().filter(|now| now.is_none()).count();
        (counted.collect(), gone)
    }
}

#[test]
fn notes_are_asked_about_by_their_numbers() {
    let world = World::new();
    let asked = world.asked();
    let text = format!("liftlock approve {}", asked.digest);
    let [first, second] = [7, 8].map(|user| world.say(user, &text));
    let events = world.told(&asked);
    for _ in 0..230 {
        world.say(9, "noise");
    }
    let before = world.fake.counts().total;
    assert_eq!(world.again(&asked, &events), (vec![7, 8], 0));
    assert_eq!(world.fake.counts().total - before, 5);
    world.fake.with(|state| {
        state.advance(HOUR);
        state.edit(second, &text);
    });
    assert_eq!(world.again(&asked, &events), (vec![7], 0));
    world.fake.with(|state| state.delete(first));
    assert_eq!(world.again(&asked, &events), (vec![], 1));
}

#[test]
fn approvals_of_a_deployment_are_looked_up_in_its_list() {
    let world = World::new();
    let deployment = world
        .fake
        .with(|state| state.deployment(9, "production", &[7, 8]));
    let asked = world.asked_at(Spot::Deployment {
        host: Some(world.fake.host()),
        deployment,
        starters: [9].into(),
    });
    let text = format!("liftlock approve {}", asked.digest);
    for user in [7, 8] {
        world
            .fake
            .with(|state| state.judge(deployment, user, "approved", &text));
    }
    let events = world.told(&asked);
    assert_eq!(world.again(&asked, &events), (vec![7, 8], 0));
    world.fake.with(|state| state.set_state(8, "blocked"));
    assert_eq!(world.again(&asked, &events), (vec![7], 0));
    let gone = Answer::new(404);
    let path = format!("/deployments/{deployment}");
    world.fake.with(|state| state.order(&path, gone));
    assert_eq!(world.again(&asked, &events), (vec![], 2));
}
