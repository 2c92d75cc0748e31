//! Whole journeys over real counterparts: slow, few, and nothing is played.
#![cfg(test)]

mod demo;
mod real_parts;
