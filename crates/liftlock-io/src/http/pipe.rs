//! What one server sends, sent on to another without being held.

use std::time::Duration;

use super::{Client, Error, Request, Response, error, prepared, receive, within};

/// How a transfer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piped {
    /// The source did not give it; its answer, of at most 64 KiB.
    NotGiven(Response),
    /// The source announced another length.
    Length(Option<u64>),
    /// Everything went over; the answer of whom it went to.
    Sent(Response),
}

/// The most bytes of an answer about a transfer.
const ABOUT: u64 = 65_536;

impl Client {
    /// Reads with one request and writes with another, as the bytes come.
    /// Neither is repeated.
    ///
    /// # Errors
    ///
    /// Fails when either exchange does not end in time or breaks. What was
    /// written until then must not be used.
    pub fn pipe(
        &self,
        (from, to): (Request, Request),
        length: u64,
        timeout: Duration,
    ) -> Result<Piped, Error> {
        let url = to.url.clone();
        let transfer = async {
            let (from, answer) = self.follow(from).await?;
            if answer.status().as_u16() != 200 {
                let mut body = Vec::new();
                let mut answer = receive(&from, answer, ABOUT, &mut body).await?;
                answer.body = body;
                return Ok(Piped::NotGiven(answer));
            }
            if answer.content_length() != Some(length) {
                return Ok(Piped::Length(answer.content_length()));
            }
            let sent = prepared(self.carriers.of(&to.url)?, &to)
                .header("content-length", length)
                .body(reqwest::Body::from(answer))
                .send()
                .await
                .map_err(|source| Error::of(&to.url, source))?;
            let mut body = Vec::new();
            let mut answer = receive(&to, sent, ABOUT, &mut body).await?;
            answer.body = body;
            tracing::debug!(
                url = %error::shown(&to.url), status = answer.status, bytes = length,
                "http transfer"
            );
            Ok(Piped::Sent(answer))
        };
        self.runtime
            .block_on(async { within(timeout, transfer, &url).await })
    }
}
