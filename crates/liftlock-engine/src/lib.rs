//! liftlock-engine
