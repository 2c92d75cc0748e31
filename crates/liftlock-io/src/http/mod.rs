//! HTTP with a deadline and a size limit on every exchange.
//!
//! Retries are the caller's: only the caller knows whether a second attempt
//! is the same request. Reading is, when a connection that was kept breaks
//! before an answer: servers close idle ones whenever they like (RFC 9110 §9.2.2).

mod carrier;
mod error;
mod message;
mod options;
mod pipe;
mod proxy;
mod redirect;
mod tls;

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use url::Url;

use carrier::Carriers;
pub use error::Error;
pub use message::{Address, Body, Limits, Method, Redirects, Request, Response};
pub use options::{Identity, Options};
pub use pipe::Piped;

/// The most redirects that are followed; browsers allow 20, registries need 1.
const REDIRECTS: usize = 5;

static FORBIDDEN: AtomicBool = AtomicBool::new(false);

/// From here on this process makes no client: whoever asked to stay offline
/// is kept there, whatever else was asked for.
pub fn forbid() {
    FORBIDDEN.store(true, Ordering::Relaxed);
}

/// Sends requests, one at a time, and blocks until the answer is there.
#[derive(Debug)]
pub struct Client {
    carriers: Carriers,
    runtime: tokio::runtime::Runtime,
    timeout: Duration,
}

impl Client {
    /// Prepares a client. Trusted are the authorities of the web (compiled in),
    /// those of the machine (or `SSL_CERT_FILE`) and those of `ca_file`.
    ///
    /// # Errors
    ///
    /// Fails when the `ca_file` cannot be used; that of the machine is read with
    /// the first request that needs it.
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
        Ok(Self {
            carriers: Carriers::new(options, identity)?,
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
        request: Request,
        limit: u64,
        sink: &mut dyn Write,
    ) -> Result<Response, Error> {
        let asked = request.url.origin();
        let (request, answer) = self.follow(request).await?;
        let mut response = receive(&request, answer, limit, sink).await?;
        response.elsewhere = Some(request.url).filter(|url| url.origin() != asked);
        Ok(response)
    }

    /// The answer behind all redirects, and the request that got it.
    async fn follow(&self, mut request: Request) -> Result<(Request, reqwest::Response), Error> {
        for _ in 0..=REDIRECTS {
            let answer = self.once(&request).await?;
            match redirect::next(&request, &answer)? {
                Some(next) => request = next,
                None => return Ok((request, answer)),
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
        let carrier = self.carriers.of(&request.url)?;
        let attempt = || {
            let mut builder = prepared(carrier, request);
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
            url = %request.shown(),
            status = answer.status().as_u16(),
            duration_ms = begun.elapsed().as_millis(),
            "http answer"
        );
        Ok(answer)
    }
}

/// A request as the library wants it, still without its body.
fn prepared(carrier: &reqwest::Client, request: &Request) -> reqwest::RequestBuilder {
    let method = match request.method {
        Method::Get => reqwest::Method::GET,
        Method::Head => reqwest::Method::HEAD,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    };
    let builder = carrier.request(method, request.url.clone());
    let headers = request.headers.iter();
    headers.fold(builder, |builder, (name, value)| {
        builder.header(name, value)
    })
}

/// Waits for an exchange, but no longer than its limit or a signal.
async fn within<T>(
    limit: Duration,
    exchange: impl Future<Output = Result<T, Error>>,
    url: &Url,
) -> Result<T, Error> {
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
        elsewhere: None,
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
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.as_str().to_owned(), value.into_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests;
