//! The real services, each with plain calls.
