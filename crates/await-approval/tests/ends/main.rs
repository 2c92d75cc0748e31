//! How requests end without a quorum, or in spite of one.
#![cfg(test)]

mod withdraw;
mod world;
