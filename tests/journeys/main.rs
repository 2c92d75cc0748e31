//! Whole journeys over real counterparts: slow, few, and nothing is played.
#![cfg(test)]

mod real_parts;
