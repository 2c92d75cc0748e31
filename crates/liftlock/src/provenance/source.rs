//! Where sources are: URLs without logins, refs in full.

use crate::predicate::is_uri;

/// The URL without what may be a password; also from `git@host:path`, the
/// short form of SSH. `None` when it is neither.
pub(super) fn plain(text: &str) -> Option<String> {
    if let Some((scheme, rest)) = text.split_once("://") {
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = match (scheme, host.rsplit_once('@')) {
            // The user of SSH is part of the address; a password is not.
            ("ssh", Some((user, host))) => {
                let user = user.split(':').next().unwrap_or_default();
                format!("{user}@{host}")
            }
            (_, Some((_, host))) => host.to_owned(),
            (_, None) => host.to_owned(),
        };
        // A query could hold a token as well.
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let url = format!("{scheme}://{host}{path}");
        let url = url.trim_end_matches('/').to_owned();
        return (is_uri(&url) && !host.is_empty()).then_some(url);
    }
    let (host, path) = text.split_once(':')?;
    let url = format!("ssh://{host}/{}", path.trim_start_matches('/'));
    (host.contains('@') && is_uri(&url)).then_some(url)
}

/// `git+URL@REF`, as SLSA writes sources.
pub(super) fn dependency(url: &str, r#ref: &str) -> String {
    format!("git+{url}@{ref}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_never_stays_in_a_url() {
        let cases = [
            (
                "https://git.example/a/b.git",
                Some("https://git.example/a/b.git"),
            ),
            ("https://git.example/a/b/", Some("https://git.example/a/b")),
            (
                "https://u:s3cret@git.example/a",
                Some("https://git.example/a"),
            ),
            (
                "https://s3cret@git.example/a?token=s3cret",
                Some("https://git.example/a"),
            ),
            (
                "ssh://git:s3cret@git.example:2222/a",
                Some("ssh://git@git.example:2222/a"),
            ),
            (
                "git@git.example:a/b.git",
                Some("ssh://git@git.example/a/b.git"),
            ),
            ("git.example/a", None),
            ("https://", None),
            ("https://git example/a", None),
        ];
        for (text, expected) in cases {
            assert_eq!(plain(text).as_deref(), expected, "{text}");
        }
    }
}
