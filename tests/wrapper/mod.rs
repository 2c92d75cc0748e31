//! Makes every wrapper from the command lines of the binaries.

pub(crate) mod contract;
pub(crate) mod github;
pub(crate) mod gitlab;
pub(crate) mod page;
pub(crate) mod text;
pub(crate) mod verb;

/// What stands on top of every file that is made here.
pub(crate) const NOTICE: &str =
    "Made from the flags of the binary by tests/wrappers.rs; change those, not this file.";
