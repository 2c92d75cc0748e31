//! Copies one image as a plan's step does, for comparison with other programs:
//! `bench-copy HOST/REPOSITORY@sha256:… HOST/REPOSITORY:TAG`.

use std::error::Error;
use std::io::Write as _;
use std::time::Duration;

use liftlock::oci::Reference;
use liftlock_io::http::Options;
use liftlock_io::oci::{Repository, copy};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [from, to] = words.as_slice() else {
        return Err("name a source and a target".into());
    };
    let (from, to): (Reference, Reference) = (from.parse()?, to.parse()?);
    let options = Options {
        ca_file: None,
        timeout: Duration::from_secs(3_600),
    };
    let source = Repository::open(&from.place, &options)?;
    let target = Repository::open(&to.place, &options)?;
    let digest = from.digest.ok_or("the source has no digest")?;
    let copied = copy(&source, &target, (&digest, to.tag.as_ref()))?;
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&copied)?)?;
    Ok(())
}
