//! Teams, as people make and change them.

use std::collections::BTreeSet;

use super::state::State;

impl State {
    /// A team of the organisation.
    pub fn team(&mut self, slug: &str, members: &[u64]) {
        self.teams
            .insert(slug.to_owned(), members.iter().copied().collect());
    }

    /// Puts a team below another one, whose members its own are then as well.
    pub fn put_below(&mut self, slug: &str, above: &str) {
        self.above.insert(slug.to_owned(), above.to_owned());
    }

    /// Invites somebody to a team, who does not come.
    pub fn invite(&mut self, slug: &str, id: u64) {
        self.invited.insert((slug.to_owned(), id));
    }

    /// Hides a team from everybody, as when it becomes secret.
    pub fn hide_team(&mut self, slug: &str) {
        self.teams.remove(slug);
    }

    /// The members of a team and of those below it.
    pub(super) fn members(&self, slug: &str) -> BTreeSet<u64> {
        let mut found = BTreeSet::new();
        let mut left = vec![slug];
        while let Some(slug) = left.pop() {
            found.extend(self.teams.get(slug).into_iter().flatten());
            let below = self.above.iter().filter(|(_, above)| *above == slug);
            left.extend(below.map(|(below, _)| below.as_str()));
        }
        found
    }
}
