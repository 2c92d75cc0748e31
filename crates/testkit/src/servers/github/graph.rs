//! What GraphQL says, as far as anybody asks: of reviews and comments, and of what
//! people may do in the repository.
//!
//! Source: GitHub's reference of GraphQL
//! (<https://docs.github.com/graphql/reference/objects#repository>).

use serde_json::{Map, Value, json};

use super::call::{Call, Reply};
use super::state::{State, time};
use super::{OWNER, REPOSITORY};

/// What GraphQL knows of reviews and comments, as far as anybody asks.
const KINDS: [(&str, &[&str]); 2] = [
    (
        "PullRequestReview",
        &[
            "id",
            "body",
            "state",
            "includesCreatedEdit",
            "lastEditedAt",
            "submittedAt",
            "authorCanPushToRepository",
        ],
    ),
    (
        "IssueComment",
        &["id", "body", "includesCreatedEdit", "lastEditedAt"],
    ),
];

/// The roles of those who may push.
const WRITERS: [&str; 3] = ["write", "maintain", "admin"];

/// What is asked of a collaborator, after the variable with the login.
const ONE_COLLABORATOR: &str = ", first: 1) { edges { permission node { databaseId } } }";

/// The most ids that one question may name.
const A_QUESTION: usize = 100;

impl State {
    /// Tells by GraphQL nobody any more who may do what in the repository.
    pub fn hide_collaborators(&mut self) {
        self.collaborators_hidden = true;
    }
}

/// The one question of GraphQL that is understood: fields of reviews and
/// comments, by their ids, and with them collaborators by their logins. As on
/// GitHub, what is wrong with it is told with 200.
pub(super) fn answer(state: &State, call: &Call) -> Reply {
    match nodes(state, call).and_then(|nodes| Ok((nodes, repository(state, call)?))) {
        Err(message) => Reply::json(200, json!({ "errors": [{ "message": message }] })),
        Ok((nodes, None)) => Reply::json(200, json!({ "data": { "nodes": nodes } })),
        Ok((nodes, Some((people, errors)))) => {
            let mut body = json!({ "data": { "nodes": nodes, "repository": people } });
            if let Some(body) = body.as_object_mut().filter(|_| !errors.is_empty()) {
                body.insert("errors".to_owned(), errors.into());
            }
            Reply::json(200, body)
        }
    }
}

fn nodes(state: &State, call: &Call) -> Result<Vec<Value>, String> {
    let query = call.text("query").unwrap_or_default();
    let mut kinds = KINDS.into_iter();
    let inner = kinds.find_map(|(kind, known)| {
        let (_, inner) = query.split_once(&format!("... on {kind} {{"))?;
        Some((kind, known, inner))
    });
    let Some((kind, known, inner)) = inner.filter(|_| query.contains("nodes(ids: $ids)")) else {
        return Err("A query attribute must be specified and must be a string.".to_owned());
    };
    let fields: Vec<&str> = inner
        .split_whitespace()
        .take_while(|one| *one != "}")
        .collect();
    if let Some(other) = fields.iter().find(|one| !known.contains(one)) {
        return Err(format!("Field '{other}' doesn't exist on type '{kind}'"));
    }
    let ids = call
        .body
        .pointer("/variables/ids")
        .and_then(Value::as_array);
    let Some(ids) = ids.filter(|ids| ids.len() <= A_QUESTION) else {
        return Err("Variable $ids of type [ID!]! was provided invalid value".to_owned());
    };
    let one = |id: &Value| node(state, id.as_str().unwrap_or_default(), &fields);
    Ok(ids.iter().map(one).collect())
}

/// Collaborators by aliases, and the errors about them; nothing where nobody asks.
fn repository(state: &State, call: &Call) -> Result<Option<(Value, Vec<Value>)>, String> {
    let query = call.text("query").unwrap_or_default();
    let Some((head, inner)) = query.split_once(" repository(owner: $owner, name: $name) {") else {
        return Ok(None);
    };
    if variable(call, head, "owner")? != OWNER || variable(call, head, "name")? != REPOSITORY {
        let message = "Could not resolve to a Repository";
        let error = json!({ "type": "NOT_FOUND", "path": ["repository"], "message": message });
        return Ok(Some((Value::Null, vec![error])));
    }
    let (mut found, mut errors) = (Map::new(), Vec::new());
    let mut left = inner.trim();
    while let Some((alias, rest)) = left.split_once(": collaborators(login: $") {
        let Some((name, rest)) = rest.split_once(ONE_COLLABORATOR) else {
            return Err(format!("Parse error on `{rest}`"));
        };
        let login = variable(call, head, name)?;
        let hidden = state.collaborators_hidden || !call.token.may_write();
        if hidden {
            errors.push(json!({
                "type": "FORBIDDEN", "path": ["repository", alias],
                "message": "You do not have permission to view repository collaborators.",
            }));
        }
        let shown = if hidden {
            Value::Null
        } else {
            collaborator(state, login)
        };
        found.insert(alias.to_owned(), shown);
        left = rest.trim_start();
    }
    if left != "} }" {
        return Err(format!("Parse error on `{left}`"));
    }
    Ok(Some((found.into(), errors)))
}

/// What a variable holds that the head of the question declares.
fn variable<'a>(call: &'a Call, head: &str, name: &str) -> Result<&'a str, String> {
    let declared = head.contains(&format!("${name}: String!"));
    let value = call.body.pointer(&format!("/variables/{name}"));
    let value = value.and_then(Value::as_str).filter(|_| declared);
    value.ok_or_else(|| format!("Variable ${name} of type String! was provided invalid value"))
}

fn collaborator(state: &State, login: &str) -> Value {
    let found = state.id_of(login).and_then(|id| {
        let role = state.roles.get(&id).filter(|role| *role != "none")?;
        Some(json!({ "permission": role.to_uppercase(), "node": { "databaseId": id } }))
    });
    json!({ "edges": found.into_iter().collect::<Vec<Value>>() })
}

fn node(state: &State, id: &str, fields: &[&str]) -> Value {
    let comment = id.strip_prefix("IC_").and_then(|id| id.parse().ok());
    if let Some(comment) = comment.and_then(|id: u64| state.comments.get(&id)) {
        let all = json!({
            "id": id, "body": comment.body, "includesCreatedEdit": comment.edited.is_some(),
            "lastEditedAt": comment.edited.map(time),
        });
        return picked(&all, fields);
    }
    let pulls = state
        .issues
        .values()
        .filter_map(|issue| issue.pull.as_ref());
    let mut reviews = pulls.flat_map(|pull| &pull.reviews);
    let Some(review) = reviews.find(|one| format!("PRR_{}", one.id) == id) else {
        return Value::Null;
    };
    let role = state.roles.get(&review.user);
    let all = json!({
        "id": id, "body": review.body, "state": review.state, "submittedAt": time(review.at),
        "includesCreatedEdit": review.edited.is_some(),
        "lastEditedAt": review.edited.map(time),
        "authorCanPushToRepository": role.is_some_and(|role| WRITERS.contains(&role.as_str())),
    });
    picked(&all, fields)
}

fn picked(all: &Value, fields: &[&str]) -> Value {
    let asked = fields
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), all.get(*name)?.clone())));
    Value::Object(asked.collect())
}
