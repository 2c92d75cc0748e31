//! Where a bucket is and who asks, as AWS tools read it from the environment.

use std::path::PathBuf;

use url::{Host, Url};

use super::Error;
use crate::env;
use crate::sigv4::Login;

/// Where buckets are and who asks for them.
#[derive(Clone, Debug)]
pub struct Access {
    /// A service other than Amazon's: https, or http on loopback.
    pub(super) endpoint: Option<Url>,
    pub(super) region: String,
    pub(super) login: Login,
    /// Certificate authorities beside the usual ones.
    pub(super) authorities: Option<PathBuf>,
}

impl Access {
    /// Reads `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`, `AWS_REGION` or
    /// `AWS_DEFAULT_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
    /// `AWS_SESSION_TOKEN` and `AWS_CA_BUNDLE`.
    ///
    /// Deployers and commands for traffic still get these variables: they are
    /// the job's, not ours alone.
    ///
    /// # Errors
    ///
    /// Fails when one that is needed is missing, or names nothing usable.
    pub fn from_environment() -> Result<Self, Error> {
        let required = |name| env::var(name).ok_or(Error::Missing(name));
        let endpoint = env::var("AWS_ENDPOINT_URL_S3").or_else(|| env::var("AWS_ENDPOINT_URL"));
        let region = env::var("AWS_REGION").or_else(|| env::var("AWS_DEFAULT_REGION"));
        let access = Self::new(
            endpoint.as_deref(),
            &region.ok_or(Error::Missing("AWS_REGION"))?,
            (
                required("AWS_ACCESS_KEY_ID")?,
                required("AWS_SECRET_ACCESS_KEY")?,
            ),
        )?;
        Ok(Self {
            login: Login {
                session: env::var("AWS_SESSION_TOKEN"),
                ..access.login
            },
            authorities: env::var("AWS_CA_BUNDLE").map(PathBuf::from),
            ..access
        })
    }

    /// Access with a key that does not end: its id and its secret.
    ///
    /// # Errors
    ///
    /// Fails on an endpoint or a region that is none.
    pub fn new(
        endpoint: Option<&str>,
        region: &str,
        (key_id, secret): (String, String),
    ) -> Result<Self, Error> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if region.is_empty() || !region.bytes().all(plain) {
            return Err(Error::Region(region.to_owned()));
        }
        if key_id.is_empty()
            || !key_id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
        {
            return Err(Error::KeyId);
        }
        Ok(Self {
            endpoint: endpoint.map(address).transpose()?,
            region: region.to_owned(),
            login: Login {
                key_id,
                secret,
                session: None,
            },
            authorities: None,
        })
    }

    /// The URL that the keys of a bucket are appended to: a host of the
    /// bucket's own at Amazon, a path everywhere else and where dots in the
    /// bucket's name would not fit a certificate.
    pub(super) fn base(&self, bucket: &str) -> Result<Url, Error> {
        let domain = match self.region.starts_with("cn-") {
            true => "amazonaws.com.cn",
            false => "amazonaws.com",
        };
        let region = &self.region;
        let text = match &self.endpoint {
            Some(endpoint) => format!("{}/{bucket}/", endpoint.as_str().trim_end_matches('/')),
            None if bucket.contains('.') => format!("https://s3.{region}.{domain}/{bucket}/"),
            None => format!("https://{bucket}.s3.{region}.{domain}/"),
        };
        Url::parse(&text).map_err(|_never| Error::Address(text))
    }
}

/// An address that may get documents: TLS, or this machine.
fn address(text: &str) -> Result<Url, Error> {
    let refused = || Error::Address(text.to_owned());
    // The text of what is wrong could hold a password.
    let url = Url::parse(text).map_err(|_not_one| Error::Address("AWS_ENDPOINT_URL".to_owned()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::Address("AWS_ENDPOINT_URL".to_owned()));
    }
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(refused()),
    };
    let plain = url.query().is_none() && url.fragment().is_none();
    match url.scheme() {
        "https" if plain => Ok(url),
        "http" if plain && here => Ok(url),
        "http" if plain => Err(Error::Clear(text.to_owned())),
        _ => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(endpoint: Option<&str>, region: &str, bucket: &str) -> Result<String, Error> {
        let key = ("AKID".to_owned(), "secret".to_owned());
        let access = Access::new(endpoint, region, key)?;
        Ok(access.base(bucket)?.into())
    }

    #[test]
    fn a_bucket_has_a_host_at_amazon_and_a_path_elsewhere() {
        for (endpoint, region, bucket, expected) in [
            (
                None,
                "eu-west-1",
                "b",
                "https://b.s3.eu-west-1.amazonaws.com/",
            ),
            (
                None,
                "eu-west-1",
                "a.b",
                "https://s3.eu-west-1.amazonaws.com/a.b/",
            ),
            (
                None,
                "cn-north-1",
                "b",
                "https://b.s3.cn-north-1.amazonaws.com.cn/",
            ),
            (
                Some("https://s3.example/"),
                "auto",
                "b",
                "https://s3.example/b/",
            ),
            (
                Some("https://s3.example/x"),
                "auto",
                "b",
                "https://s3.example/x/b/",
            ),
            (
                Some("http://127.0.0.1:9000"),
                "us-east-1",
                "b",
                "http://127.0.0.1:9000/b/",
            ),
        ] {
            assert_eq!(base(endpoint, region, bucket).unwrap(), expected);
        }
    }

    #[test]
    fn places_that_others_could_listen_at_are_refused_and_no_password_is_shown() {
        for endpoint in [
            "http://s3.example",
            "ftp://s3.example",
            "s3.example",
            "https://s3.example/?x",
            "https://user:hidden@s3.example",
        ] {
            let error = base(Some(endpoint), "auto", "b").unwrap_err();
            assert!(!error.to_string().contains("hidden"), "{error}");
        }
        assert!(base(None, "eu/west", "b").is_err());
        assert!(base(None, "", "b").is_err());
        let access = Access::new(None, "r", ("A".to_owned(), "hidden".to_owned())).unwrap();
        assert!(!format!("{access:?}").contains("hidden"));
        assert!(Access::new(None, "r", ("A\nB".to_owned(), String::new())).is_err());
    }
}
