//! Whether a signal asked this process to stop, for whatever waits without a
//! session at hand: a runner kills ten seconds after it asked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

static ASKED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Whether a signal came.
#[must_use]
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// What the handler of a signal sets.
#[cfg(feature = "cli")]
pub(crate) fn flag() -> Arc<AtomicBool> {
    Arc::clone(&ASKED)
}
