//! The references of cosign to keys in services.

use super::Error;

/// A key in a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reference {
    /// `hashivault://NAME` and `openbao://NAME`: a key of the transit engine.
    Vault { name: String, flavour: Flavour },
    /// `awskms://[HOST]/(ID|ARN|alias/NAME)`.
    Aws { host: Option<String>, id: String },
    /// `gcpkms://projects/…/cryptoKeys/K[/versions/V]`.
    Gcp {
        name: String,
        version: Option<String>,
    },
    /// `azurekms://VAULT/KEY[/VERSION]`.
    Azure {
        host: String,
        key: String,
        version: Option<String>,
    },
}

/// Whose variables are read first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    /// `VAULT_…`.
    HashiCorp,
    /// `BAO_…`, then `VAULT_…`.
    OpenBao,
}

impl Reference {
    /// Reads a reference; nothing when its scheme is of no key service.
    ///
    /// # Errors
    ///
    /// Fails on a reference that names no key.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, Error> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(None);
        };
        let (parsed, wanted) = match scheme {
            "hashivault" => (vault(rest, Flavour::HashiCorp), "hashivault://NAME"),
            "openbao" => (vault(rest, Flavour::OpenBao), "openbao://NAME"),
            "awskms" => (
                aws(rest),
                "awskms:///ID, awskms:///ARN or awskms:///alias/NAME",
            ),
            "gcpkms" => (
                gcp(rest),
                "gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K[/versions/V]",
            ),
            "azurekms" => (azure(rest), "azurekms://VAULT/KEY[/VERSION]"),
            _ => return Ok(None),
        };
        match parsed {
            Some(parsed) => Ok(Some(parsed)),
            None => Err(Error::Reference {
                text: text.to_owned(),
                wanted,
            }),
        }
    }
}

/// What may stand in a path or a host without changing either's meaning.
fn plain(text: &str, others: &str) -> bool {
    let fits = |letter: char| {
        letter.is_ascii_alphanumeric() || "-_.".contains(letter) || others.contains(letter)
    };
    !text.is_empty() && text != "." && text != ".." && text.chars().all(fits)
}

fn vault(rest: &str, flavour: Flavour) -> Option<Reference> {
    plain(rest, "").then(|| Reference::Vault {
        name: rest.to_owned(),
        flavour,
    })
}

fn aws(rest: &str) -> Option<Reference> {
    let (host, id) = rest.split_once('/')?;
    let host_fits = host.is_empty() || plain(host, ":");
    // The identifier travels in JSON, where any letter is harmless.
    let id_fits = !id.is_empty() && id.chars().all(|letter| letter.is_ascii_graphic());
    (host_fits && id_fits).then(|| Reference::Aws {
        host: Some(host.to_owned()).filter(|host| !host.is_empty()),
        id: id.to_owned(),
    })
}

fn gcp(rest: &str) -> Option<Reference> {
    const WORDS: [&str; 5] = [
        "projects",
        "locations",
        "keyRings",
        "cryptoKeys",
        "cryptoKeyVersions",
    ];
    let parts: Vec<&str> = rest.split('/').collect();
    let pairs = parts.chunks(2).zip(WORDS);
    let fits = pairs.into_iter().all(|(pair, word)| match pair {
        // cosign writes `versions`, the service itself `cryptoKeyVersions`.
        [name, value] => {
            // Projects of a domain have a colon in their name.
            let named = *name == word || (word == "cryptoKeyVersions" && *name == "versions");
            named && plain(value, ":")
        }
        _ => false,
    });
    let version = match parts.len() {
        8 => None,
        10 => parts.last().map(|version| (*version).to_owned()),
        _ => return None,
    };
    let name = parts.get(..8)?.join("/");
    fits.then_some(Reference::Gcp { name, version })
}

fn azure(rest: &str) -> Option<Reference> {
    let parts: Vec<&str> = rest.split('/').collect();
    let (host, key, version) = match parts.as_slice() {
        [host, key] => (*host, *key, None),
        [host, key, version] => (*host, *key, Some((*version).to_owned())),
        _ => return None,
    };
    let fits = plain(host, ":") && plain(key, "");
    let version_fits = version.as_deref().is_none_or(|version| plain(version, ""));
    // A bare name is a vault of the public cloud.
    let host = match host.contains(['.', ':']) {
        true => host.to_owned(),
        false => format!("{host}.vault.azure.net"),
    };
    (fits && version_fits).then(|| Reference::Azure {
        host,
        key: key.to_owned(),
        version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_that_names_no_key_is_refused() {
        let ring = "projects/p/locations/l/keyRings/r";
        for text in [
            "hashivault://".to_owned(),
            "hashivault://a/b".to_owned(),
            "hashivault://..".to_owned(),
            "openbao://a?b".to_owned(),
            "awskms://alias".to_owned(),
            "awskms:///".to_owned(),
            "awskms://user@host/id".to_owned(),
            format!("gcpkms://{ring}"),
            format!("gcpkms://{ring}/cryptoKeys/../versions/1"),
            format!("gcpkms://{ring}/cryptoKeys/k/versions/1/x"),
            format!("gcpkms://{ring}/keys/k"),
            "azurekms://vault".to_owned(),
            "azurekms://vault/key/ver/more".to_owned(),
            "azurekms://vault/k#y".to_owned(),
        ] {
            let parsed = Reference::parse(&text);
            assert!(matches!(parsed, Err(Error::Reference { .. })), "{text}");
        }
    }

    #[test]
    fn cosigns_references_are_read() {
        let parse = |text: &str| Reference::parse(text).unwrap();
        assert_eq!(parse("cosign.key"), None);
        assert_eq!(parse("env://KEY"), None);
        assert_eq!(
            parse("awskms:///alias/release"),
            Some(Reference::Aws {
                host: None,
                id: "alias/release".to_owned()
            })
        );
        assert_eq!(
            parse("awskms://127.0.0.1:1/arn:aws:kms:eu-west-1:1:key/2"),
            Some(Reference::Aws {
                host: Some("127.0.0.1:1".to_owned()),
                id: "arn:aws:kms:eu-west-1:1:key/2".to_owned()
            })
        );
        let name = "projects/p/locations/global/keyRings/r/cryptoKeys/k";
        for words in ["versions", "cryptoKeyVersions"] {
            assert_eq!(
                parse(&format!("gcpkms://{name}/{words}/7")),
                Some(Reference::Gcp {
                    name: name.to_owned(),
                    version: Some("7".to_owned())
                })
            );
        }
        assert_eq!(
            parse("azurekms://shop/key"),
            Some(Reference::Azure {
                host: "shop.vault.azure.net".to_owned(),
                key: "key".to_owned(),
                version: None
            })
        );
        assert_eq!(
            parse("openbao://release"),
            Some(Reference::Vault {
                name: "release".to_owned(),
                flavour: Flavour::OpenBao
            })
        );
    }
}
