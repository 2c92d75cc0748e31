//! Answers on a forge are asked about again when `promote` uses them.
#![cfg(test)]

mod github;
mod gitlab;
mod midway;
mod scene;
