//! Which proxies are used.

use super::Error;

/// The proxies of the environment, in the order of curl: lower case first.
/// `HTTP_PROXY` in upper case is left out, as CGI programs get it from outside.
pub(super) fn from_environment() -> Result<Vec<reqwest::Proxy>, Error> {
    let either =
        |lower: &str, upper: &str| crate::env::var(lower).or_else(|| crate::env::var(upper));
    let except = either("no_proxy", "NO_PROXY").unwrap_or_default();
    let except = format!("localhost,127.0.0.1,::1,{except}");
    let mut found = Vec::new();
    if let Some(proxy) = either("https_proxy", "HTTPS_PROXY") {
        found.push(reqwest::Proxy::https(proxy).map_err(Error::Prepare)?);
    }
    if let Some(proxy) = crate::env::var("http_proxy") {
        found.push(reqwest::Proxy::http(proxy).map_err(Error::Prepare)?);
    }
    let except = reqwest::NoProxy::from_string(&except);
    let proxies = found.into_iter();
    Ok(proxies
        .map(|proxy| proxy.no_proxy(except.clone()))
        .collect())
}
