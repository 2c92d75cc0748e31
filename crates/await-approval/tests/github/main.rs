//! People who are asked and answer on GitHub.
#![cfg(test)]

mod comments;
mod judging;
mod notices;
mod owners;
mod reviews;
mod runs;
mod teams;
mod world;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use liftlock::approval::answer::{Answer as Said, Say};
use liftlock::approval::request;
use liftlock::attestation::{self, Proved};
use liftlock::bundle::Bundle;
use liftlock::crypto::PublicKey;
use liftlock::digest::Digest;
use liftlock::predicate::RELEASE;
use liftlock::state::{Document, Hold};
use liftlock::statement::{Statement, Subject};
use liftlock::time::Time;
use liftlock_io::evidence::Evidence;
use liftlock_io::verify::Local;
use liftlock_io::{attest, clock, store};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::cli::{Output, Run};
use testkit::http::{Answer, Ending, Server};
use testkit::samples::Key;
use testkit::servers::github::{Commit, GitHub, Token};
use testkit::sigstore::{Loopback, Settings};

use world::{CONFIG, World, commit};
