//! Tells a webhook what happened to a request, once each. Whatever goes wrong
//! with it is one line on stderr, and changes nothing else.

use liftlock::approval::notice::Notice;
use liftlock::approval::request::Identified;
use liftlock::approval::told_key;
use liftlock::failure::{Failure, Kind};
use liftlock::json;
use liftlock_io::cli::progress;
use liftlock_io::clock;
use liftlock_io::notice::Webhook;
use liftlock_io::store::Put;
use serde::Serialize;

use crate::settings::Settings;

/// When a notice was sent; that it was is what matters.
#[derive(Serialize)]
struct Told {
    at: liftlock::time::Time,
}

/// Refuses an address where the name of a file or a variable belongs: everybody
/// on the machine could read it, and the path of most is a secret.
pub(crate) fn named(webhook: Option<&str>) -> Result<(), Failure> {
    let typed = |name: &&str| name.contains("://") && !name.starts_with("env://");
    if webhook.filter(typed).is_none() {
        return Ok(());
    }
    let message = "`--notify` is an address, which everybody on this machine can read";
    Err(Failure::new(Kind::Usage, message)
        .with_hint("write it to a file or a variable, and give FILE or env://NAME"))
}

/// Sends a notice, unless none is wanted or it was sent before.
pub(crate) fn tell(
    webhook: Option<&str>,
    asked: &Identified,
    notice: &Notice,
    settings: &Settings,
) {
    if let Some(webhook) = webhook
        && let Err(why) = told(webhook, asked, notice, settings)
    {
        progress(&format!("the notice was not sent: {why}"));
    }
}

fn told(
    webhook: &str,
    asked: &Identified,
    notice: &Notice,
    settings: &Settings,
) -> Result<(), String> {
    let webhook = Webhook::open(webhook).map_err(|error| error.to_string())?;
    let first = mark(asked, notice, settings)?;
    if first {
        let sent = webhook.send(notice, &settings.options);
        sent.map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Writes down that a notice is sent, before it is: a job that is killed in
/// between sends none, and nobody is told twice.
fn mark(asked: &Identified, notice: &Notice, settings: &Settings) -> Result<bool, String> {
    let request = &asked.request;
    let Some(state) = settings.state().map_err(|failure| told_by(&failure))? else {
        return Ok(true);
    };
    let (service, environment) = (&request.service, &request.environment);
    let key = told_key((service, environment), &asked.digest, notice.verdict);
    let at = clock::now();
    let bytes = json::line(&Told { at }).map_err(|error| error.to_string())?;
    match state.put_if_absent(&key, &bytes) {
        Ok(put) => Ok(matches!(put, Put::Written(_))),
        Err(error) => Err(error.to_string()),
    }
}

fn told_by(failure: &Failure) -> String {
    failure.lines().join(": ")
}
