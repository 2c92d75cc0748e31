//! How requests end without a quorum, or in spite of one.
#![cfg(test)]

mod automatic;
mod glass;
mod withdraw;
mod world;
