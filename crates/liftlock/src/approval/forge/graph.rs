//! Asks GitHub's GraphQL what its REST API does not tell, and understands the
//! answers: edits, and what people may do.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::Permission;
use super::github::ParseError;
use crate::json;
use crate::time::Time;

/// The question, for [`looks`], when reviews were last edited, by `ids`, which
/// the REST API does not tell, and whether their authors may write.
pub const LOOKS: &str = "query($ids: [ID!]!) { nodes(ids: $ids) { \
     ... on PullRequestReview { id includesCreatedEdit lastEditedAt authorCanPushToRepository } } }";

/// The question, for [`edits`], when comments were last edited, by `ids`: the
/// REST API tells whole seconds, and so of an edit only from the next one on.
/// Where people are counted it asks also what they may do in the repository
/// `owner`/`name`, by their logins `l0`, `l1` and so on, as the arguments of
/// `Repository.collaborators` are
/// (<https://docs.github.com/graphql/reference/objects#repository>).
#[must_use]
pub fn edits_question(people: usize) -> String {
    let nodes = "nodes(ids: $ids) { ... on IssueComment { id includesCreatedEdit lastEditedAt } }";
    if people == 0 {
        return format!("query($ids: [ID!]!) {{ {nodes} }}");
    }
    let (mut logins, mut collaborators) = (String::new(), String::new());
    for number in 0..people {
        logins.push_str(&format!(", $l{number}: String!"));
        collaborators.push_str(&format!(
            "u{number}: collaborators(login: $l{number}, first: 1) \
             {{ edges {{ permission node {{ databaseId }} }} }} "
        ));
    }
    format!(
        "query($ids: [ID!]!, $owner: String!, $name: String!{logins}) {{ {nodes} \
         repository(owner: $owner, name: $name) {{ {collaborators}}} }}"
    )
}

#[derive(Deserialize)]
struct Answered {
    #[serde(default)]
    data: Option<Data>,
    #[serde(default)]
    errors: Vec<Problem>,
}

#[derive(Deserialize)]
struct Data {
    nodes: Vec<Option<Node>>,
    #[serde(default)]
    repository: Option<BTreeMap<String, Option<Collaborators>>>,
}

#[derive(Deserialize)]
struct Collaborators {
    #[serde(default)]
    edges: Option<Vec<Option<Edge>>>,
}

#[derive(Deserialize)]
struct Edge {
    permission: String,
    #[serde(default)]
    node: Option<User>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    #[serde(default)]
    database_id: Option<u64>,
}

#[derive(Deserialize)]
struct Problem {
    message: String,
    /// The field that it is about, from the root on.
    #[serde(default)]
    path: Option<Vec<Value>>,
}

impl Problem {
    /// Whether it is about what people may do, and nothing else.
    fn is_of_repository(&self) -> bool {
        let root = self.path.as_ref().and_then(|path| path.first());
        root.and_then(Value::as_str) == Some("repository")
    }

    /// Whether it is, or may be, about this field of the repository.
    fn is_about(&self, alias: &str) -> bool {
        let field = self.path.as_ref().and_then(|path| path.get(1));
        field.is_none_or(|field| field.as_str() == Some(alias))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    id: String,
    includes_created_edit: bool,
    /// There in any case: what is missing is not `null`.
    #[serde(deserialize_with = "present")]
    last_edited_at: Value,
    #[serde(default)]
    author_can_push_to_repository: Option<bool>,
}

/// What GraphQL tells of a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// When it was last edited, if anybody ever did.
    pub edited_at: Option<Time>,
    /// Whether its author may write to the repository now, at least.
    pub may_write: bool,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Value::deserialize(deserializer)
}

/// What is told of each review, by what GraphQL knows it by.
///
/// # Errors
///
/// Fails on any error that GitHub tells, and when it contradicts itself.
pub fn looks(body: &[u8]) -> Result<BTreeMap<String, Look>, ParseError> {
    let answered: Answered = json::parse(body)?;
    let told = told(&answered, answered.errors.first())?;
    let look = |(id, (edited_at, may_write)): (String, Told)| {
        let unsaid = || ParseError::Graph("nobody says who may write".to_owned());
        let look = Look {
            edited_at,
            may_write: may_write.ok_or_else(unsaid)?,
        };
        Ok((id, look))
    };
    told.into_iter().map(look).collect()
}

/// What GraphQL tells of comments and of those who wrote them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    /// When each comment was last edited, by what GraphQL knows it by; nothing
    /// for one that nobody ever did.
    pub at: BTreeMap<String, Option<Time>>,
    /// What accounts may do, as far as it is told. An account that is not there
    /// may anything or nothing.
    pub permissions: BTreeMap<u64, Permission>,
}

/// What is told of comments, and of the accounts that were asked about, in that
/// order. The login of an account may be another's by now: what is told of
/// another number is told of nobody.
///
/// # Errors
///
/// As [`looks`], but an error about what people may do only leaves them out.
/// Fails on a permission that is not known.
pub fn edits(body: &[u8], people: &[u64]) -> Result<Edits, ParseError> {
    let answered: Answered = json::parse(body)?;
    let mut problems = answered.errors.iter();
    let of_comments = problems.find(|one| people.is_empty() || !one.is_of_repository());
    let told = told(&answered, of_comments)?.into_iter();
    let at = told.map(|(id, (edited_at, _))| (id, edited_at)).collect();
    let mut permissions = BTreeMap::new();
    for (number, account) in people.iter().enumerate() {
        if let Some(permission) = answered.permission(&format!("u{number}"), *account)? {
            permissions.insert(*account, permission);
        }
    }
    Ok(Edits { at, permissions })
}

impl Answered {
    /// What an account may do, where that is told below an alias.
    fn permission(&self, alias: &str, account: u64) -> Result<Option<Permission>, ParseError> {
        if self.errors.iter().any(|one| one.is_about(alias)) {
            return Ok(None);
        }
        let repository = self.data.as_ref().and_then(|data| data.repository.as_ref());
        let found = repository.and_then(|all| all.get(alias)?.as_ref());
        let edges = found.and_then(|found| found.edges.as_ref());
        let of_account = |edge: &&Edge| {
            let user = edge.node.as_ref();
            user.and_then(|user| user.database_id) == Some(account)
        };
        let mut edges = edges.into_iter().flatten().flatten();
        edges.find(of_account).map(Edge::permission).transpose()
    }
}

impl Edge {
    /// The words of `RepositoryPermission`
    /// (<https://docs.github.com/graphql/reference/enums#repositorypermission>).
    fn permission(&self) -> Result<Permission, ParseError> {
        match self.permission.as_str() {
            "ADMIN" => Ok(Permission::Admin),
            "MAINTAIN" => Ok(Permission::Maintain),
            "WRITE" => Ok(Permission::Write),
            "TRIAGE_PLUS" | "TRIAGE" | "READ" => Ok(Permission::Read),
            other => Err(ParseError::Unknown {
                what: "permission",
                found: other.to_owned(),
            }),
        }
    }
}

/// When something was last edited, and whether its author may write, where that
/// is asked.
type Told = (Option<Time>, Option<bool>);

fn told(
    answered: &Answered,
    problem: Option<&Problem>,
) -> Result<BTreeMap<String, Told>, ParseError> {
    if let Some(problem) = problem {
        return Err(ParseError::Graph(problem.message.clone()));
    }
    let nothing = || ParseError::Graph("no data".to_owned());
    let nodes = &answered.data.as_ref().ok_or_else(nothing)?.nodes;
    let one = |node: &Node| {
        let at = Option::<Time>::deserialize(&node.last_edited_at)
            .map_err(|_no_time| ParseError::Graph("an edit at no time".to_owned()))?;
        if at.is_none() && node.includes_created_edit {
            return Err(ParseError::Graph("an edit that was never made".to_owned()));
        }
        Ok((node.id.clone(), (at, node.author_can_push_to_repository)))
    };
    nodes.iter().flatten().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_about_edits_is_no_answer() {
        let body = |node: &str| format!(r#"{{"data":{{"nodes":[{node}]}}}}"#);
        let never = r#"{"id":"a","includesCreatedEdit":false,"lastEditedAt":null,"authorCanPushToRepository":true}"#;
        let found = looks(body(never).as_bytes()).unwrap();
        let look = Look {
            edited_at: None,
            may_write: true,
        };
        assert_eq!(found["a"], look);
        let comment = never.replace(r#","authorCanPushToRepository":true"#, "");
        assert_eq!(edits(body(&comment).as_bytes(), &[]).unwrap().at["a"], None);
        let edited = never.replace("null", "\"2026-11-26T12:00:00Z\"");
        let found = looks(body(&edited).as_bytes()).unwrap();
        assert!(found["a"].edited_at.is_some());
        for (words, others) in [
            (r#","lastEditedAt":null"#, ""),
            (r#""includesCreatedEdit":false,"#, ""),
            (
                r#""includesCreatedEdit":false"#,
                r#""includesCreatedEdit":true"#,
            ),
            ("null", "7"),
            (r#","authorCanPushToRepository":true"#, ""),
            ("true", "null"),
        ] {
            let node = never.replace(words, others);
            assert_ne!(node, never);
            assert!(looks(body(&node).as_bytes()).is_err(), "{node}");
        }
        assert!(looks(body("{}").as_bytes()).is_err());
        for answer in [
            "{}",
            r#"{"data":null}"#,
            r#"{"data":{"nodes":[null]},"errors":[{"message":"no"}]}"#,
            "[]",
            r#"{"data":{"nodes":["#,
        ] {
            assert!(looks(answer.as_bytes()).is_err(), "{answer}");
        }
        // A review that is not told about is not in the list.
        assert!(looks(body("null").as_bytes()).unwrap().is_empty());
    }

    /// What is told of account 7 and its comment, with words in place of others.
    fn seven(words: &str, others: &str) -> Result<Option<Permission>, ParseError> {
        let body = r#"{"data":{"nodes":[{"id":"a","includesCreatedEdit":false,"lastEditedAt":null}],"repository":{"u0":{"edges":[{"permission":"WRITE","node":{"databaseId":7}}]}}},"errors":[]}"#;
        let changed = body.replace(words, others);
        assert!(words.is_empty() || changed != body, "{words}");
        let found = edits(changed.as_bytes(), &[7])?;
        assert_eq!(found.at["a"], None);
        Ok(found.permissions.get(&7).copied())
    }

    #[test]
    fn a_permission_is_told_of_one_number_alone_or_not_at_all() {
        assert_eq!(seven("", "").unwrap(), Some(Permission::Write));
        for (word, permission) in [
            ("ADMIN", Permission::Admin),
            ("MAINTAIN", Permission::Maintain),
            ("TRIAGE_PLUS", Permission::Read),
            ("TRIAGE", Permission::Read),
            ("READ", Permission::Read),
        ] {
            assert_eq!(seven("WRITE", word).unwrap(), Some(permission), "{word}");
        }
        for word in ["OWNER", "write", ""] {
            assert!(seven("WRITE", word).is_err(), "{word}");
        }
        let edges = r#"{"edges":[{"permission":"WRITE","node":{"databaseId":7}}]}"#;
        let of = |path: &str| format!(r#""errors":[{{"message":"no","path":{path}}}]"#);
        for (words, others) in [
            (":7", ":8"),
            (":7", ":null"),
            (r#"{"databaseId":7}"#, "null"),
            (edges, "null"),
            (edges, r#"{"edges":null}"#),
            (edges, r#"{"edges":[null]}"#),
            (edges, r#"{"edges":[]}"#),
            ("\"u0\"", "\"u1\""),
            ("\"repository\"", "\"other\""),
            ("\"errors\":[]", &of(r#"["repository"]"#)),
            ("\"errors\":[]", &of(r#"["repository","u0"]"#)),
            ("\"errors\":[]", &of(r#"["repository","u0","edges",0]"#)),
        ] {
            assert_eq!(seven(words, others).unwrap(), None, "{others}");
        }
        // What is wrong with another's leaves this one alone.
        let other = of(r#"["repository","u1"]"#);
        let found = seven("\"errors\":[]", &other).unwrap();
        assert_eq!(found, Some(Permission::Write));
        for path in [r#"["nodes",0]"#, "[]", "null", r#"["query","repository"]"#] {
            assert!(seven("\"errors\":[]", &of(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn a_question_names_as_many_people_as_are_counted_and_no_login() {
        let none = edits_question(0);
        assert!(
            !none.contains("repository") && !none.contains("$owner"),
            "{none}"
        );
        let two = edits_question(2);
        for part in [
            "$l0: String!",
            "$l1: String!",
            "u1: collaborators(login: $l1, first: 1)",
        ] {
            assert!(two.contains(part), "{two}");
        }
        assert!(!two.contains("$l2"), "{two}");
        assert_eq!(two.matches('{').count(), two.matches('}').count(), "{two}");
    }
}
