//! Faults happen as they are scripted, and are counted.
