//! Credentials of sources, out of the environment, never over clear text.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use liftlock::config::metrics::Provider;
use url::Url;

use super::Error;
use crate::http::Request;
use crate::{env, file};

/// The most bytes of a file with a token or a password.
const LARGEST: u64 = 64 * 1024;

/// The variables that hold credentials of a provider, all that are read.
pub(super) const fn variables(provider: Provider) -> &'static [&'static str] {
    match provider {
        Provider::Prometheus | Provider::Thanos | Provider::VictoriaMetrics => &[
            "LIFTLOCK_PROMETHEUS_TOKEN",
            "LIFTLOCK_PROMETHEUS_TOKEN_FILE",
            "LIFTLOCK_PROMETHEUS_BASIC",
            "LIFTLOCK_PROMETHEUS_BASIC_FILE",
        ],
        Provider::Datadog => &["LIFTLOCK_DATADOG_API_KEY", "LIFTLOCK_DATADOG_APP_KEY"],
        Provider::CloudWatch => &[
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
        ],
        Provider::NewRelic => &["LIFTLOCK_NEWRELIC_API_KEY"],
        Provider::Graphite => &[
            "LIFTLOCK_GRAPHITE_TOKEN",
            "LIFTLOCK_GRAPHITE_TOKEN_FILE",
            "LIFTLOCK_GRAPHITE_BASIC",
            "LIFTLOCK_GRAPHITE_BASIC_FILE",
        ],
        Provider::InfluxDb => &[
            "LIFTLOCK_INFLUXDB_TOKEN",
            "LIFTLOCK_INFLUXDB_TOKEN_FILE",
            "LIFTLOCK_INFLUXDB_BASIC",
            "LIFTLOCK_INFLUXDB_BASIC_FILE",
        ],
        Provider::OpenMetrics | Provider::Haproxy | Provider::Envoy => &[
            "LIFTLOCK_SCRAPE_TOKEN",
            "LIFTLOCK_SCRAPE_TOKEN_FILE",
            "LIFTLOCK_SCRAPE_BASIC",
            "LIFTLOCK_SCRAPE_BASIC_FILE",
        ],
        Provider::Otlp => &[],
    }
}

/// The variables with credentials of a provider that are set.
#[must_use]
pub fn present(provider: Provider) -> Vec<&'static str> {
    let names = variables(provider).iter().copied();
    names.filter(|name| env::var(name).is_some()).collect()
}

/// A secret that has to be there.
pub(super) fn required(name: &str) -> Result<String, Error> {
    env::secret(name).ok_or_else(|| Error::NoSecret(name.to_owned()))
}

/// Puts a bearer token or a password on a request, where one is given: from
/// the provider's variables that end in `_TOKEN`, `_TOKEN_FILE`, `_BASIC` or
/// `_BASIC_FILE`, of which only one may be set.
pub(super) fn login(provider: Provider, scheme: &str, request: Request) -> Result<Request, Error> {
    let set = present(provider);
    let name = match set.as_slice() {
        [] => return Ok(request),
        [name] => *name,
        many => return Err(Error::Ambiguous(many.join(", "))),
    };
    let secret = match name.strip_suffix("_FILE") {
        Some(_) => {
            let path = env::var(name).unwrap_or_default();
            let bytes =
                file::read(Path::new(&path), LARGEST).map_err(|source| Error::SecretFile {
                    name: name.to_owned(),
                    source: Box::new(source),
                })?;
            String::from_utf8_lossy(&bytes).trim().to_owned()
        }
        None => required(name)?,
    };
    let value = header(name, scheme, &secret)?;
    with_secret(request, "authorization", value)
}

fn header(name: &str, scheme: &str, secret: &str) -> Result<String, Error> {
    let wrong = |what: &'static str| Error::BadSecret {
        name: name.to_owned(),
        what,
    };
    if name.contains("_BASIC") {
        if !secret.contains(':') || secret.chars().any(char::is_control) {
            return Err(wrong("USER:PASSWORD"));
        }
        return Ok(format!("Basic {}", STANDARD.encode(secret)));
    }
    if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong("a token without spaces"));
    }
    Ok(format!("{scheme} {secret}"))
}

/// A request with a secret header, which may only go where nobody on the way
/// can read it.
pub(super) fn with_secret(request: Request, name: &str, value: String) -> Result<Request, Error> {
    if !keeps_secrets(&request.url) {
        let host = request.url.host_str().unwrap_or_default();
        return Err(Error::Clear(host.to_owned()));
    }
    if value.chars().any(char::is_control) {
        return Err(Error::BadSecret {
            name: name.to_owned(),
            what: "printable text",
        });
    }
    Ok(request.with_header(name, value))
}

/// Whether nobody on the way can read what is sent: TLS, or this machine.
fn keeps_secrets(url: &Url) -> bool {
    let here = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || here
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_only_where_nobody_on_the_way_can_read_it() {
        let cases = [
            ("https://prometheus.example/", true),
            ("http://127.0.0.1:9090/", true),
            ("http://[::1]:9090/", true),
            ("http://localhost:9090/", true),
            ("http://prometheus.example:9090/", false),
            ("http://10.0.0.1:9090/", false),
            ("http://localhost.example/", false),
        ];
        for (url, kept) in cases {
            assert_eq!(keeps_secrets(&url.parse().unwrap()), kept, "{url}");
            let request = Request::get(url.parse().unwrap());
            let sent = with_secret(request, "x", "secret".to_owned());
            assert_eq!(sent.is_ok(), kept, "{url}");
        }
    }

    #[test]
    fn secrets_of_another_form_are_refused_without_being_shown() {
        assert_eq!(
            header("A_BASIC", "Bearer", "user:pa ss").unwrap(),
            "Basic dXNlcjpwYSBzcw=="
        );
        assert_eq!(header("A_TOKEN", "Token", "t").unwrap(), "Token t");
        for (name, secret) in [
            ("A_BASIC", "hunter2"),
            ("A_TOKEN", "hunter2 x"),
            ("A_TOKEN", ""),
            ("A_BASIC_FILE", "a:hunter2\nb"),
        ] {
            let error = header(name, "Bearer", secret).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }
}
