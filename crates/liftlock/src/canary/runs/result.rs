//! in-toto's test result v0.1 as the outcome of a run,
//! <https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md>.

use serde::Deserialize;

use super::{Outcome, Run};
use crate::digest::Digest;
use crate::predicate;
use crate::statement::Statement;
use crate::time::Time;

/// The type of the predicate.
pub const TEST_RESULT: &str = "https://in-toto.io/attestation/test-result/v0.1";

/// What a statement says about one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestResult {
    /// How it ended.
    pub outcome: Outcome,
    /// What tells it from others: its URL, else the digest of the statement.
    pub id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Predicate {
    result: Word,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    warned_tests: Vec<String>,
    #[serde(default)]
    failed_tests: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Word {
    Passed,
    Warned,
    Failed,
}

impl TestResult {
    /// Reads a statement whose signature was proved. A result that says
    /// `PASSED` and names tests that did not is what those tests were.
    ///
    /// # Errors
    ///
    /// Fails with the reason when it is of another type, or is not what the
    /// type demands.
    pub fn of(statement: &Statement) -> Result<Self, String> {
        let found = statement.predicate_type();
        if found != TEST_RESULT {
            return Err(format!("it is a `{found}`, not a test result"));
        }
        predicate::check(TEST_RESULT, statement.predicate()).map_err(|flaw| flaw.to_string())?;
        let said: Predicate = statement
            .predicate_as(TEST_RESULT)
            .map_err(|error| error.to_string())?;
        let outcome = match said.result {
            Word::Failed => Outcome::Failed,
            _ if !said.failed_tests.is_empty() => Outcome::Failed,
            Word::Warned => Outcome::Warned,
            Word::Passed if !said.warned_tests.is_empty() => Outcome::Warned,
            Word::Passed => Outcome::Passed,
        };
        let bytes = statement.bytes().map_err(|error| error.to_string())?;
        let own = Digest::of(&bytes).to_string();
        Ok(Self {
            outcome,
            id: said.url.filter(|url| !url.is_empty()).unwrap_or(own),
        })
    }

    /// The run, of this digest, seen at a moment.
    #[must_use]
    pub fn run(self, digest: Digest, time: Time) -> Run {
        Run {
            time,
            digest,
            outcome: self.outcome,
            id: self.id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::Subject;
    use serde_json::{Value, json};

    fn read(predicate: &Value) -> Result<TestResult, String> {
        let subject = Subject::new(&Digest::of(b"job"));
        let statement = Statement::new(vec![subject], TEST_RESULT, predicate).unwrap();
        TestResult::of(&statement)
    }

    #[test]
    fn only_a_result_without_any_doubt_is_passed() {
        let with = |more: Value| {
            let mut predicate = json!({ "result": "PASSED", "configuration": [{ "name": "ci" }] });
            let object = predicate.as_object_mut().unwrap();
            object.extend(more.as_object().unwrap().clone());
            predicate
        };
        let cases = [
            (json!({ "passedTests": ["a"] }), Outcome::Passed),
            (json!({ "failedTests": ["a"] }), Outcome::Failed),
            (json!({ "warnedTests": ["a"] }), Outcome::Warned),
            (json!({ "result": "WARNED" }), Outcome::Warned),
            (
                json!({ "result": "WARNED", "failedTests": ["a"] }),
                Outcome::Failed,
            ),
            (json!({ "result": "FAILED" }), Outcome::Failed),
        ];
        for (more, outcome) in cases {
            assert_eq!(
                read(&with(more.clone())).unwrap().outcome,
                outcome,
                "{more}"
            );
        }
        let named = read(&with(json!({ "url": "https://ci.example/1" }))).unwrap();
        assert_eq!(named.id, "https://ci.example/1");
        for more in [
            json!({ "result": "GOOD" }),
            json!({ "result": null }),
            json!({ "failedTests": "a" }),
        ] {
            assert!(read(&with(more.clone())).is_err(), "{more}");
        }
    }
}
