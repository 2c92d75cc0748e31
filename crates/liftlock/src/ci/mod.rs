//! Knows the CI systems: how each is recognised, what each wants written.

pub mod github;
pub mod junit;
pub mod pairs;

use crate::report::Ending;

/// A CI system that we write outputs for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// GitHub Actions, and what runs its composites unchanged.
    GitHub,
    /// GitLab CI.
    GitLab,
    /// Jenkins.
    Jenkins,
    /// A shell; nothing is written but the result.
    Plain,
}

/// What the environment tells about the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The system.
    pub system: System,
    /// A link to the run.
    pub url: Option<String>,
    /// Who triggered it, by the CI's own name for them.
    pub actor: Option<String>,
    /// The commit it runs on.
    pub commit: Option<String>,
}

/// Recognises the CI from its environment; `lookup` gives unset for empty.
#[must_use]
pub fn detect(lookup: &dyn Fn(&str) -> Option<String>) -> Run {
    let is = |name: &str| lookup(name).as_deref() == Some("true");
    if is("GITHUB_ACTIONS") {
        Run {
            system: System::GitHub,
            url: github_url(lookup),
            actor: lookup("GITHUB_TRIGGERING_ACTOR").or_else(|| lookup("GITHUB_ACTOR")),
            commit: lookup("GITHUB_SHA"),
        }
    } else if is("GITLAB_CI") {
        Run {
            system: System::GitLab,
            url: lookup("CI_JOB_URL").or_else(|| lookup("CI_PIPELINE_URL")),
            actor: lookup("GITLAB_USER_LOGIN"),
            commit: lookup("CI_COMMIT_SHA"),
        }
    } else if lookup("JENKINS_URL").and(lookup("BUILD_ID")).is_some() {
        Run {
            system: System::Jenkins,
            url: lookup("BUILD_URL"),
            actor: lookup("BUILD_USER_ID"),
            commit: lookup("GIT_COMMIT"),
        }
    } else {
        Run {
            system: System::Plain,
            url: None,
            actor: lookup("USER"),
            commit: None,
        }
    }
}

fn github_url(lookup: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let server = lookup("GITHUB_SERVER_URL")?;
    let repository = lookup("GITHUB_REPOSITORY")?;
    let run = lookup("GITHUB_RUN_ID")?;
    let attempt = lookup("GITHUB_RUN_ATTEMPT").unwrap_or_else(|| "1".to_owned());
    Some(format!(
        "{server}/{repository}/actions/runs/{run}/attempts/{attempt}"
    ))
}

/// Text as it may be shown to people: what moves a cursor, hides or reorders
/// letters becomes a space, and no line begins like a command to a CI.
#[must_use]
pub fn shown(text: &str) -> String {
    let printable = |letter: char| match letter {
        '\n' | '\t' => letter,
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
        _ if letter.is_control() => ' ',
        _ => letter,
    };
    let text: String = text.chars().map(printable).collect();
    let lines = text.split('\n').map(|line| {
        if line.trim_start().starts_with("::") || line.contains("##[") {
            format!("| {}", line.replace("##[", "# #["))
        } else {
            line.to_owned()
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// As [`shown`], on one line.
#[must_use]
pub fn line(text: &str) -> String {
    shown(&text.replace(['\r', '\n'], " "))
}

/// The stem of the files of a run: verb, service and environment, so that
/// matrix jobs and later gates do not overwrite each other.
#[must_use]
pub fn stem(ending: &Ending) -> String {
    let scope = ending.scope();
    let parts = [scope.service, scope.environment];
    parts
        .into_iter()
        .flatten()
        .fold(ending.verb.clone(), |stem, part| format!("{stem}.{part}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &'static [(&'static str, &'static str)]) -> Run {
        detect(&|name| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn text_of_others_stays_text() {
        let cases = [
            ("plain\n  text\tä", "plain\n  text\tä"),
            ("a\n::add-mask::b", "a\n| ::add-mask::b"),
            ("a ##[error]b", "| a # #[error]b"),
            ("fail\u{1b}[2K\rpass", "fail [2K pass"),
            ("a\u{202e}b\u{9b}c", "a b c"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected);
        }
        assert_eq!(line("fail: x\npass: y\r\n"), "fail: x pass: y  ");
        assert_eq!(line("a\n::b"), "a ::b");
    }

    #[test]
    fn each_system_is_recognised_by_its_own_variables() {
        let github = with(&[
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "acme/shop"),
            ("GITHUB_RUN_ID", "7"),
            ("GITHUB_ACTOR", "alice"),
            ("GITHUB_TRIGGERING_ACTOR", "bob"),
        ]);
        assert_eq!(github.system, System::GitHub);
        assert_eq!(github.actor.as_deref(), Some("bob"));
        assert_eq!(
            github.url.as_deref(),
            Some("https://github.com/acme/shop/actions/runs/7/attempts/1")
        );
        assert_eq!(with(&[("GITLAB_CI", "true")]).system, System::GitLab);
        let jenkins = [("JENKINS_URL", "http://j"), ("BUILD_ID", "1")];
        assert_eq!(with(Box::leak(Box::new(jenkins))).system, System::Jenkins);
        assert_eq!(with(&[("GITHUB_ACTIONS", "false")]).system, System::Plain);
    }
}
