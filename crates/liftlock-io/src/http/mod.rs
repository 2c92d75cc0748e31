//! HTTP with a deadline and a size limit on every exchange.
//!
//! Retries are the caller's: only the caller knows whether a second attempt
//! is the same request. Reading is, when a connection that was kept breaks
//! before an answer: servers close idle ones whenever they like (RFC 9110 §9.2.2).

mod error;
mod options;
mod proxy;
mod redirect;
mod tls;

use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use url::Url;

pub use error::Error;
pub use options::{Identity, Options};

/// The most redirects that are followed; browsers allow 20, registries need 1.
const REDIRECTS: usize = 5;

/// What to do with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Read it.
    Get,
    /// Read its headers.
    Head,
    /// Hand something over.
    Post,
    /// Write it.
    Put,
    /// Change it.
    Patch,
    /// Remove it.
    Delete,
}

impl Method {
    const fn reads(self) -> bool {
        match self {
            Self::Get | Self::Head => true,
            Self::Post | Self::Put | Self::Patch | Self::Delete => false,
        }
    }
}

/// What a request carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    #[default]
    Empty,
    /// These bytes.
    Bytes(Vec<u8>),
}

/// One request. Its `Debug` form shows no header's value, as tokens are there.
#[derive(Clone)]
pub struct Request {
    /// What to do.
    pub method: Method,
    /// With which resource; `http` or `https`.
    pub url: Url,
    /// Name and value.
    pub headers: Vec<(String, String)>,
    /// What it carries.
    pub body: Body,
}

impl Request {
    /// A request to read a resource.
    #[must_use]
    pub const fn get(url: Url) -> Self {
        Self::new(Method::Get, url)
    }

    /// A request without headers and body.
    #[must_use]
    pub const fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: Vec::new(),
            body: Body::Empty,
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the body and its media type.
    #[must_use]
    pub fn with_body(self, media_type: &str, bytes: Vec<u8>) -> Self {
        let mut request = self.with_header("content-type", media_type);
        request.body = Body::Bytes(bytes);
        request
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        formatter
            .debug_struct("Request")
            .field("method", &self.method)
            .field("url", &error::shown(&self.url))
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

/// What one exchange may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes the answer may have.
    pub bytes: u64,
    /// The longest it may take, redirects included.
    pub timeout: Duration,
}

/// An answer, of whatever status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Lower-case name and value; values that are not text are left out.
    pub headers: Vec<(String, String)>,
    /// The bytes; empty when they were written elsewhere.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header with this lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether the status is one of success.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// Whether this is a page for people, as login walls and proxies send it
    /// in place of what was asked for.
    #[must_use]
    pub fn is_html(&self) -> bool {
        let declared = self.header("content-type").unwrap_or_default();
        let start = self.body.trim_ascii_start();
        declared.to_ascii_lowercase().contains("html") || start.starts_with(b"<")
    }
}

static FORBIDDEN: AtomicBool = AtomicBool::new(false);

/// From here on this process makes no client: whoever asked to stay offline
/// is kept there, whatever else was asked for.
pub fn forbid() {
    FORBIDDEN.store(true, Ordering::Relaxed);
}

/// Sends requests, one at a time, and blocks until the answer is there.
#[derive(Debug)]
pub struct Client {
    inner: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    timeout: Duration,
}

impl Client {
    /// Prepares a client. Trusted are the authorities of the web (compiled in),
    /// those of the machine (or `SSL_CERT_FILE`) and those of `ca_file`.
    ///
    /// # Errors
    ///
    /// Fails when a file with authorities cannot be used.
    pub fn new(options: &Options) -> Result<Self, Error> {
        Self::identified(options, None)
    }

    /// As [`Client::new`], for servers that ask who the client is.
    ///
    /// # Errors
    ///
    /// Fails as `new` does, and when the certificate or its key cannot be used.
    pub fn identified(options: &Options, identity: Option<&Identity>) -> Result<Self, Error> {
        if FORBIDDEN.load(Ordering::Relaxed) {
            return Err(Error::Offline);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::Runtime)?;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::configuration(options.ca_file.as_deref(), identity)?)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(options.timeout.min(Duration::from_secs(10)))
            .user_agent(concat!("liftlock/", env!("CARGO_PKG_VERSION")))
            .no_proxy();
        for proxy in proxy::from_environment()? {
            builder = builder.proxy(proxy);
        }
        Ok(Self {
            inner: builder.build().map_err(Error::Prepare)?,
            runtime,
            timeout: options.timeout,
        })
    }

    /// Sends a request and reads the whole answer into memory.
    ///
    /// # Errors
    ///
    /// Fails when there is no whole answer within the limits. An answer of any
    /// status is no error here.
    pub fn send(&self, request: Request, limits: Limits) -> Result<Response, Error> {
        let mut body = Vec::new();
        let mut response = self.download(request, limits, &mut body)?;
        response.body = body;
        Ok(response)
    }

    /// Sends a request and writes the answer's bytes as they come.
    ///
    /// # Errors
    ///
    /// Fails when there is no whole answer within the limits; what was written
    /// until then must not be used.
    pub fn download(
        &self,
        request: Request,
        limits: Limits,
        sink: &mut dyn Write,
    ) -> Result<Response, Error> {
        let url = request.url.clone();
        let timeout = limits.timeout.min(self.timeout);
        let exchange = self.exchange(request, limits.bytes, sink);
        // The timer needs the runtime's context, hence the inner block.
        self.runtime
            .block_on(async { within(timeout, exchange, &url).await })
    }

    async fn exchange(
        &self,
        mut request: Request,
        limit: u64,
        sink: &mut dyn Write,
    ) -> Result<Response, Error> {
        for _ in 0..=REDIRECTS {
            let answer = self.once(&request).await?;
            match redirect::next(&request, &answer)? {
                Some(next) => request = next,
                None => return receive(&request, answer, limit, sink).await,
            }
        }
        Err(Error::Redirects {
            url: error::shown(&request.url),
        })
    }

    async fn once(&self, request: &Request) -> Result<reqwest::Response, Error> {
        if !matches!(request.url.scheme(), "http" | "https") {
            return Err(Error::Scheme {
                url: error::shown(&request.url),
            });
        }
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Head => reqwest::Method::HEAD,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        };
        let attempt = || {
            let mut builder = self.inner.request(method.clone(), request.url.clone());
            for (name, value) in &request.headers {
                builder = builder.header(name, value);
            }
            if let Body::Bytes(bytes) = &request.body {
                builder = builder.body(bytes.clone());
            }
            builder.send()
        };
        let begun = std::time::Instant::now();
        let answer = match attempt().await {
            Err(first) if request.method.reads() && !first.is_connect() => {
                let again = attempt().await;
                again.map_err(|second| if second.is_connect() { first } else { second })
            }
            once => once,
        };
        let answer = answer.map_err(|source| Error::of(&request.url, source))?;
        tracing::debug!(
            method = ?request.method,
            url = %error::shown(&request.url),
            status = answer.status().as_u16(),
            duration_ms = begun.elapsed().as_millis(),
            "http answer"
        );
        Ok(answer)
    }
}

/// Waits for an exchange, but no longer than its limit or a signal.
async fn within(
    limit: Duration,
    exchange: impl Future<Output = Result<Response, Error>>,
    url: &Url,
) -> Result<Response, Error> {
    const SLICE: Duration = Duration::from_millis(100);
    let begun = std::time::Instant::now();
    let mut exchange = std::pin::pin!(exchange);
    loop {
        let left = limit.saturating_sub(begun.elapsed());
        if let Ok(result) = tokio::time::timeout(left.min(SLICE), exchange.as_mut()).await {
            return result;
        }
        if crate::stop::asked() {
            return Err(Error::Stopped {
                url: error::shown(url),
            });
        }
        if left <= SLICE {
            return Err(Error::Timeout {
                url: error::shown(url),
            });
        }
    }
}

async fn receive(
    request: &Request,
    mut answer: reqwest::Response,
    limit: u64,
    sink: &mut dyn Write,
) -> Result<Response, Error> {
    let too_large = || Error::TooLarge {
        url: error::shown(&request.url),
        limit,
    };
    let announced = answer.content_length().unwrap_or_default();
    if request.method != Method::Head && announced > limit {
        return Err(too_large());
    }
    let response = Response {
        status: answer.status().as_u16(),
        headers: headers(&answer),
        body: Vec::new(),
    };
    let mut left = limit;
    loop {
        let chunk = answer
            .chunk()
            .await
            .map_err(|source| Error::of(&request.url, source))?;
        let Some(chunk) = chunk else {
            return Ok(response);
        };
        let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        left = left.checked_sub(length).ok_or_else(too_large)?;
        sink.write_all(&chunk).map_err(Error::Write)?;
    }
}

fn headers(answer: &reqwest::Response) -> Vec<(String, String)> {
    let pairs = answer.headers().iter();
    pairs
        .filter_map(|(name, value)| {
            let value = value.to_str().ok()?;
            Some((name.as_str().to_owned(), value.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests;
