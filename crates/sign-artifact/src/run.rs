//! Leads each subcommand to its module.

use liftlock::failure::Failure;
use liftlock::report::Report;
use liftlock_io::cli::Session;

use crate::args::{Args, Command};
use crate::{
    attest, check, conformance, doctor, explain, finish, generate, policy_from, public_key,
    release, repair, sign, trust_root,
};

/// Runs the subcommand that was typed.
pub(crate) fn run(args: &Args, session: &Session) -> Result<Report, Failure> {
    let result = match &args.command {
        Command::GenerateKeyPair(asked) => generate::run(asked, session),
        Command::Sign(asked) => sign::run(asked, session),
        Command::Verify(asked) => check::run(asked, session),
        Command::Attest(asked) => attest::run(asked, session),
        Command::Release(asked) => release::run(asked, session),
        Command::Explain(asked) => explain::run(asked, session),
        Command::Finish(asked) => finish::run(asked, session),
        Command::Doctor(asked) => doctor::run(asked, session),
        Command::PublicKey(asked) => public_key::run(asked, session),
        Command::Conformance(asked) => conformance::run(asked, session),
        Command::PolicyFrom(asked) => policy_from::run(asked, session),
        Command::Repair(asked) => repair::run(asked, session),
        Command::TrustRoot(asked) => trust_root::run(asked, session),
    };
    // What failed because the time was over is told as that.
    result.or_else(|failure| session.check().and(Err(failure)))
}
