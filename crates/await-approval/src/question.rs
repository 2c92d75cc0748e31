//! What people read when they are asked: below an issue or pull request, and in
//! the summary of the run that asks.

use liftlock::approval::answer::Say;
use liftlock::approval::forge::{Forge, line};
use liftlock::approval::request::{Identified, Place, Request, Spot};
use liftlock::ci::github::escape_markdown;
use liftlock::config::break_glass::Gate;
use liftlock::name::Name;

/// The text that people see. It is the same for the same request, so that it
/// is found again, and holds nothing of others that is not escaped.
pub(crate) fn below(asked: &Identified, place: &Place) -> String {
    let how = match &place.at {
        Spot::Comments { .. } | Spot::Gates { .. } | Spot::Notes { .. } | Spot::Deployment { .. } => {
            "Answer with a comment whose first line is exactly one of these; a reason may stand below. \
             An edited comment does not count."
                .to_owned()
        }
        Spot::Reviews { commit, .. } => format!(
            "Answer with a review of `{commit}` that approves, or requests changes, and whose first \
             line is exactly one of these; a reason may stand below. A review that was edited or \
             dismissed does not count."
        ),
    };
    let (request, digest) = (&asked.request, asked.digest);
    let [yes, no] = [Say::Yes, Say::No].map(|say| line(place.forge, say, &digest));
    let artifacts = request.release.artifacts.iter();
    let artifacts: String = artifacts
        .map(|(name, digest)| format!("| {} | `{digest}` |\n", escape_markdown(name.as_str())))
        .collect();
    let rules = request.rules.iter().map(|rule| {
        let people: Vec<&str> = rule.people.iter().map(Name::as_str).collect();
        format!("{} of {}", rule.quorum, escape_markdown(&people.join(", ")))
    });
    let rules = rules.collect::<Vec<_>>().join(" and ");
    let broken = broken(request);
    format!(
        "{broken}**May {} go to {}?** {rules}, until {}.\n\n\
         | artifact | digest |\n|---|---|\n| release | `{}` |\n{artifacts}\n\
         {how}\n\n\
         ```\n{yes}\n```\n```\n{no}\n```\n\n\
         <!-- liftlock-request: {digest} -->",
        escape_markdown(&request.release.id),
        escape_markdown(request.environment.as_str()),
        request.expires_at,
        request.release.digest,
    )
}

/// Where gates are gone past, which and why, above everything else.
fn broken(request: &Request) -> String {
    let Some(wanted) = &request.break_glass else {
        return String::new();
    };
    let past: Vec<String> = wanted.past.iter().map(Gate::to_string).collect();
    format!(
        "> [!CAUTION]\n> **BREAK-GLASS** past {}: {}\n\n",
        escape_markdown(&past.join(", ")),
        escape_markdown(&wanted.reason)
    )
}

/// The lines that answer, where no question is written that has them.
pub(crate) fn to_copy(asked: &Identified) -> String {
    let place = asked.request.place.as_ref();
    let Some(place) = place.filter(|place| place.at.issue().is_none()) else {
        return String::new();
    };
    let what = match place.forge {
        Forge::Github => "Review the environments that the run waits for",
        Forge::Gitlab => "Approve or reject the deployment",
    };
    let [yes, no] = [Say::Yes, Say::No].map(|say| line(place.forge, say, &asked.digest));
    format!("{what}, with one of these as the comment:\n\n```\n{yes}\n```\n```\n{no}\n```\n")
}

/// How to answer, for the summary of the run.
pub(crate) fn here(asked: &Identified, answer_with: &str, page: Option<&str>) -> String {
    let command = || format!("```\n{answer_with}\n```\n");
    let here = page.map_or_else(command, answer_link);
    let lines = to_copy(asked);
    format!("{here}{lines}\nRequest `{}`\n", asked.digest)
}

/// A link, where the address is a plain one.
fn answer_link(page: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-._~:/?#=%&".contains(letter);
    if page.starts_with("https://") && page.chars().all(plain) {
        format!("[Answer here]({page})\n")
    } else {
        format!("{}\n", escape_markdown(page))
    }
}
