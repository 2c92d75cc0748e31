//! The question of a registry who asks (RFC 9110 §11.6.1; distribution, "Token
//! Authentication Specification").

/// What a registry asks for in `WWW-Authenticate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// A user and a password.
    Basic,
    /// A token.
    Bearer {
        /// The address of the token service.
        realm: String,
        /// What the registry calls itself there.
        service: Option<String>,
        /// What for, words with a space between them.
        scope: Option<String>,
    },
}

impl Challenge {
    /// Reads the value of one header; nothing for a question of another kind.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        Some(Self::Bearer {
            realm: parameter(rest, "realm")?,
            service: parameter(rest, "service"),
            scope: parameter(rest, "scope"),
        })
    }
}

/// The quoted parameter of a challenge; commas inside of quotes are its own.
fn parameter(text: &str, name: &str) -> Option<String> {
    let mut rest = text;
    loop {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(',').unwrap_or((after, "")),
        };
        if key.trim_matches([' ', ',']).eq_ignore_ascii_case(name) {
            return Some(value.to_owned());
        }
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_with_commas_inside_of_quotes() {
        let header = r#"Bearer realm="https://a/token",service="r",scope="repository:x:pull,push""#;
        let bearer = Challenge::Bearer {
            realm: "https://a/token".to_owned(),
            service: Some("r".to_owned()),
            scope: Some("repository:x:pull,push".to_owned()),
        };
        assert_eq!(Challenge::parse(header), Some(bearer));
        assert_eq!(Challenge::parse("Basic realm=x"), Some(Challenge::Basic));
        assert_eq!(Challenge::parse("Bearer scope=x"), None);
        assert_eq!(Challenge::parse("Negotiate"), None);
    }
}
