#![cfg(test)]
//! The instance on loopback is true: independent verifiers accept what plain
//! calls make of it, and refuse what is changed or scripted to be wrong.

mod client;
mod faults;
mod independent;
mod programs;
mod real;
