//! How far away a verdict is.

use super::State;
use crate::canary::number::{count, real};
use crate::span::Span;

impl State {
    /// About how many more requests of the canary bring a verdict, when things
    /// go on as they went.
    #[must_use]
    pub fn requests_to_go(&self) -> Option<u64> {
        let requests = real(self.canary.total.into());
        let odds = self.odds_ratio().unwrap_or_default();
        let fail = self.requests_to_fail(odds).map(|all| all - requests);
        let (bet, missing) = (
            self.no_worse.best(),
            self.policy.beta.threshold() - self.no_worse.ln_e(),
        );
        let pass = (bet > 0.0).then(|| missing * requests / bet);
        // What should have shown by now says nothing about when it will.
        let both = [fail, pass].into_iter().flatten();
        both.filter(|more| *more > 0.0).map(count).min()
    }

    /// About how long that takes.
    #[must_use]
    pub fn time_to_go(&self) -> Option<Span> {
        let begun = self.begun.filter(|_| self.canary.total > 0)?;
        let passed = u64::try_from(self.last?.millis_since(begun)).ok()?;
        let each = real(passed.into()) / real(self.canary.total.into());
        let millis = count(each * real(self.requests_to_go()?.into()));
        // To whole minutes, or to whole seconds where it is soon.
        let unit = if millis > 120_000 { 60_000 } else { 1_000 };
        let rounded = millis.div_ceil(unit).saturating_mul(unit);
        (millis > 0).then(|| Span::from_millis(rounded))
    }

    /// About how many requests of the canary, in all, show that its odds are
    /// so many times those of the margin.
    #[must_use]
    pub fn requests_to_show(&self, times: f64) -> Option<u64> {
        let margin = self.healthy().0;
        self.requests_to_fail(times * margin).map(count)
    }

    fn requests_to_fail(&self, odds: f64) -> Option<f64> {
        let (margin, spread) = self.healthy();
        let times = self.outlook.times_to_fail(odds / margin, spread)?;
        Some(times * real(self.canary.total.into()))
    }
}
