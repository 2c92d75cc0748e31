//! Whole journeys over real counterparts: slow, few, and nothing is played.
#![cfg(test)]

mod demo;
mod empty_folder;
mod forges;
mod kill;
mod real_parts;
