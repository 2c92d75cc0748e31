//! liftlock-io
