//! Installations of forges: each gives its accounts numbers of its own.

use super::Forge;

/// The host of the installation that an account without a host is on.
const fn public(forge: Forge) -> &'static str {
    match forge {
        Forge::Github => "github.com",
        Forge::Gitlab => "gitlab.com",
    }
}

/// One installation of a forge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Which forge.
    pub forge: Forge,
    /// Its host, with a port or path where its address has one; nothing for
    /// the one that accounts without a host are on.
    pub host: Option<String>,
}

impl From<Forge> for Instance {
    fn from(forge: Forge) -> Self {
        Self { forge, host: None }
    }
}

impl Instance {
    /// The GitHub whose API is at an address: `https://api.github.com` the public
    /// one, `https://HOST/api/v3` a company's own, `https://api.NAME.ghe.com` one
    /// of GitHub's for a company. Nothing for what is no address.
    #[must_use]
    pub fn github(api: &str) -> Option<Self> {
        let (_, rest) = api.split_once("://")?;
        let rest = rest.trim_end_matches('/');
        let below = rest.strip_suffix("/api/v3");
        let host = below.or_else(|| rest.strip_prefix("api.")).unwrap_or(rest);
        Self::at(Forge::Github, host)
    }

    /// The GitLab whose API is at an address that ends in `/api/v4`; nothing for
    /// another address. `https://gitlab.com/api/v4` is the public one.
    #[must_use]
    pub fn gitlab(api: &str) -> Option<Self> {
        let (_, rest) = api.split_once("://")?;
        let host = rest.trim_end_matches('/').strip_suffix("/api/v4")?;
        Self::at(Forge::Gitlab, host)
    }

    /// The installation at a host, as accounts and repositories name it; nothing
    /// for what is no host.
    #[must_use]
    pub fn at(forge: Forge, host: &str) -> Option<Self> {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.:/[]".contains(letter);
        if host.is_empty() || !host.chars().all(plain) {
            return None;
        }
        let host = host.to_ascii_lowercase();
        Some(Self {
            forge,
            host: (host != public(forge)).then_some(host),
        })
    }

    /// Its host, for people.
    #[must_use]
    pub fn name(&self) -> &str {
        self.host.as_deref().unwrap_or(public(self.forge))
    }

    /// An account there, as `people:` names it.
    #[must_use]
    pub fn account(&self, name: &str) -> String {
        let word = self.forge.word();
        match &self.host {
            None => format!("{word}:{name}"),
            Some(host) => format!("{word}:{name}@{host}"),
        }
    }

    /// The number in an account such as `github:583231`, where it is on this
    /// installation; nothing for a login, as forges have logins of digits as
    /// well, which nobody can tell from a number once zeros lead.
    #[must_use]
    pub fn number(&self, account: &str) -> Option<u64> {
        let (found, name) = account.split_once(':')?;
        let (number, host) = match name.split_once('@') {
            Some((number, host)) => (number, Some(host)),
            None => (name, None),
        };
        let here = match (&self.host, host) {
            (None, None) => true,
            (Some(own), Some(host)) => own.eq_ignore_ascii_case(host),
            (None, Some(_)) | (Some(_), None) => false,
        };
        let digits = !number.starts_with('0') && number.bytes().all(|byte| byte.is_ascii_digit());
        (found == self.forge.word() && here && digits).then(|| number.parse().ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_somebody_on_one_installation_alone() {
        let public = Instance::gitlab("https://gitlab.com/api/v4").unwrap();
        assert_eq!(public, Forge::Gitlab.into());
        let own = Instance::gitlab("https://GitLab.acme.example:8443/api/v4/").unwrap();
        assert_eq!(own.host.as_deref(), Some("gitlab.acme.example:8443"));
        let hub = Instance::from(Forge::Github);
        for (account, found) in [
            ("gitlab:7", [Some(7), None, None]),
            ("gitlab:7@gitlab.acme.example:8443", [None, Some(7), None]),
            ("gitlab:7@gitlab.acme.example", [None, None, None]),
            ("gitlab:7@", [None, None, None]),
            ("github:7", [None, None, Some(7)]),
            ("gitlab:07", [None, None, None]),
            ("gitlab:alice", [None, None, None]),
        ] {
            let numbers = [&public, &own, &hub].map(|one| one.number(account));
            assert_eq!(numbers, found, "{account}");
        }
        assert_eq!(own.number(&own.account("7")), Some(7));
        assert_eq!(public.account("7"), "gitlab:7");
    }

    #[test]
    fn each_github_is_known_by_its_api() {
        for (api, host) in [
            ("https://api.github.com", None),
            ("https://api.github.com/", None),
            (
                "https://GitHub.acme.example/api/v3",
                Some("github.acme.example"),
            ),
            (
                "https://github.acme.example:8443/api/v3/",
                Some("github.acme.example:8443"),
            ),
            ("https://api.acme.ghe.com", Some("acme.ghe.com")),
            ("http://127.0.0.1:4020", Some("127.0.0.1:4020")),
        ] {
            let found = Instance::github(api).unwrap();
            assert_eq!(found.host.as_deref(), host, "{api}");
            assert_eq!(found.number(&found.account("7")), Some(7), "{api}");
        }
        for address in ["", "api.github.com", "https:///api/v3", "https://a@b"] {
            assert_eq!(Instance::github(address), None, "{address}");
        }
        let own = Instance::github("https://github.acme.example/api/v3").unwrap();
        assert_eq!(own.number("github:7"), None);
    }

    #[test]
    fn what_is_no_address_of_an_api_is_no_installation() {
        for address in [
            "",
            "gitlab.com/api/v4",
            "https://gitlab.com",
            "https:///api/v4",
            "https://gitlab.com/api/v4/x",
            "https://a@b/api/v4",
            "https://gitlab.com?/api/v4",
        ] {
            assert_eq!(Instance::gitlab(address), None, "{address}");
        }
        let below = Instance::gitlab("http://acme.example/git/api/v4").unwrap();
        assert_eq!(below.host.as_deref(), Some("acme.example/git"));
    }
}
