//! Plans driven to their ends over simulated time: dying processes, moving
//! counterparts, lost sight.
#![cfg(test)]

mod attack;
mod automatic;
mod crash;
mod glass;
mod metrics;
mod people;
mod proxy;
mod rejection;
mod stage;
mod store;
mod withdrawal;
