//! Runs that are killed, and requests that fail, at every boundary of an effect
//! on real counterparts: whoever comes next brings it to the same end.
#![cfg(test)]

mod cases;
mod counterparts;
mod fail;
mod fault;
mod kill;
mod meaning;
mod race;
mod stage;
mod users;
