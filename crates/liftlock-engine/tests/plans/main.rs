//! Plans driven to their ends over simulated time: dying processes, moving
//! counterparts, lost sight.
#![cfg(test)]

mod asked;
mod attack;
mod automatic;
mod command;
mod contact;
mod crash;
mod glass;
mod held;
mod metrics;
mod people;
mod pointers;
mod proxies;
mod proxy;
mod reconcile;
mod rejection;
mod rest;
mod shapes;
mod stage;
mod stale;
mod store;
mod whole;
mod withdrawal;
