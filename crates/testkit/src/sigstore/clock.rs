//! The time of a loopback service: the present, or what a test says.

use std::sync::{Arc, Mutex, PoisonError};

use liftlock::span::Span;
use liftlock::time::Time;

use crate::wait;

/// A clock that all holders of a copy share.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<Mutex<Option<Time>>>);

impl Clock {
    /// A clock that stands still.
    #[must_use]
    pub fn fixed(time: Time) -> Self {
        Self(Arc::new(Mutex::new(Some(time))))
    }

    /// Stops the clock at that moment, for everyone who shares it.
    pub fn set(&self, time: Time) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(time);
    }

    /// The moment.
    #[must_use]
    pub fn now(&self) -> Time {
        let fixed = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        fixed.unwrap_or_else(wait::now)
    }
}

/// That many seconds earlier.
pub(crate) fn before(time: Time, seconds: i64) -> Time {
    let millis = time
        .unix_millis()
        .saturating_sub(seconds.saturating_mul(1000));
    Time::from_unix_millis(millis).unwrap_or(Time::EPOCH)
}

/// Two years earlier: before anything on loopback existed.
pub(crate) fn long_before(time: Time) -> Time {
    before(time, 2 * 365 * 24 * 3600)
}

/// That many seconds later.
pub(crate) fn after(time: Time, seconds: u32) -> Time {
    time.after(Span::seconds(seconds))
}

/// Without its milliseconds, as certificates and JSON have it.
pub(crate) fn whole(time: Time) -> Time {
    let millis = time.unix_millis();
    Time::from_unix_millis(millis - millis.rem_euclid(1000)).unwrap_or(time)
}
