//! Runs plans: one commit point, a lease with a fence, a journal, effects that
//! can be repeated, and the way back.
//!
//! What comes next and what a look means is decided in `liftlock`; how a
//! counterpart is moved is known to `liftlock-io`; this crate brings them
//! together, for whoever drives a plan: `promote`, `rollback`, and what
//! finishes the plans of runners that died.

mod admit;
mod alone;
mod asked;
pub mod attest;
mod counted;
pub mod doctor;
mod down;
pub mod drift;
pub mod drive;
pub mod effect;
pub mod follow;
pub mod foreign;
mod fresh;
pub mod gather;
mod handover;
pub mod health;
pub mod hold;
mod lasting;
pub mod look;
pub mod open;
pub mod outcome;
pub mod pace;
pub mod pen;
pub mod record;
pub mod reject;
pub mod render;
mod request;
mod ripen;
pub mod state;
mod traffic;
mod turn;
pub mod world;

pub use drive::{Engine, Opening};
pub use outcome::Outcome;
pub use pace::{Pace, Stay};
pub use pen::{Before, Pen};
pub use world::World;
