//! What a forge shows of answers when it is asked again.

use std::collections::BTreeMap;

use liftlock::approval::forge::{Event, Kind};
use liftlock::digest::Digest;

/// An answer by the digest of its event → as it is now; nothing where it is gone.
#[derive(Debug, Default)]
pub struct Again(pub BTreeMap<Digest, Option<Event>>);

impl Again {
    /// Finds answers that have no number of their own among those of now: by
    /// the account, the text, and what they are about.
    pub(crate) fn matched(&mut self, events: &[Event], now: &[Event]) {
        for event in events {
            let same = |other: &&Event| {
                let (one, two) = (&event.kind, &other.kind);
                event.account == other.account && event.body == other.body && about(one, two)
            };
            self.0
                .insert(event.digest(), now.iter().find(same).cloned());
        }
    }
}

fn about(one: &Kind, other: &Kind) -> bool {
    match (one, other) {
        (
            Kind::Gate {
                environments: one, ..
            },
            Kind::Gate {
                environments: other,
                ..
            },
        ) => one == other,
        (Kind::Deployment { stance: one, .. }, Kind::Deployment { stance: other, .. }) => {
            one == other
        }
        (
            Kind::Comment | Kind::Review { .. } | Kind::Gate { .. } | Kind::Deployment { .. },
            _other,
        ) => false,
    }
}
