//! Blobs that go from one repository to another, never held as a whole.

use std::time::Duration;

use liftlock::oci::Descriptor;
use url::Url;

use super::{Error, Registry, Result};
use crate::http::{self, Method, Piped, Request, Response};

/// The slowest transfer that is waited for, in bytes a second.
const SLOWEST: u64 = 256 * 1024;

/// What a transfer may take beside its bytes.
const SETTING_OUT: Duration = Duration::from_secs(60);

/// How often a transfer that broke is begun anew.
const ATTEMPTS: u32 = 3;

/// How a blob came to be in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// It was there.
    Present,
    /// The registry took it from its other repository.
    Mounted,
    /// It was sent.
    Sent,
}

impl Registry {
    /// Lets the next tokens read this repository too, which mounting needs.
    pub(super) fn reading(&self, source: &Self) {
        if self.host == source.host {
            let scope = format!("repository:{}:pull", source.repository);
            self.also.get_or_init(|| scope);
        }
    }

    /// Brings a blob here. Its digest is its name, so that this may be repeated,
    /// and the registry refuses bytes of another digest (OCI distribution
    /// specification, "Pushing blobs").
    pub(super) fn place(&self, source: &Self, blob: &Descriptor) -> Result<Placed> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            match self.attempt(source, blob) {
                Err(
                    error @ (Error::Status { .. }
                    | Error::Http(http::Error::Timeout { .. } | http::Error::Broken { .. })),
                ) => last = Some(error),
                placed => return placed,
            }
        }
        Err(last.unwrap_or_else(|| Error::Absent(blob.digest.to_string())))
    }

    fn attempt(&self, source: &Self, blob: &Descriptor) -> Result<Placed> {
        let action = format!("taking the blob `{}`", blob.digest);
        let mut url = self.url("blobs/uploads/")?;
        if self.host == source.host {
            url.query_pairs_mut()
                .append_pair("mount", &blob.digest.to_string())
                .append_pair("from", &source.repository);
        } else if self.has(blob, &action)? {
            return Ok(Placed::Present);
        }
        let response = self.send(&Request::new(Method::Post, url), 65_536, &action)?;
        match response.status {
            201 => Ok(Placed::Mounted),
            // The registry does not mount, and has opened an upload instead.
            202 => self.carry(source, blob, (&response, &action)),
            _ => Err(self.failed(&response, &action)),
        }
    }

    fn has(&self, blob: &Descriptor, action: &str) -> Result<bool> {
        let url = self.url(&format!("blobs/{}", blob.digest))?;
        let response = self.send(&Request::new(Method::Head, url), 0, action)?;
        match response.status {
            200 => Ok(true),
            404 => Ok(false),
            _ => Err(self.failed(&response, action)),
        }
    }

    fn carry(
        &self,
        source: &Self,
        blob: &Descriptor,
        (opened, action): (&Response, &str),
    ) -> Result<Placed> {
        let to = self.upload_address(opened, blob, action)?;
        let reading = format!("reading the blob `{}`", blob.digest);
        let path = format!("blobs/{}", blob.digest);
        let from = || -> Result<Request> { Ok(source.signed(Request::get(source.url(&path)?))) };
        let to = Request::new(Method::Put, to);
        let to = self.signed(to.with_header("content-type", "application/octet-stream"));
        let timeout = SETTING_OUT + Duration::from_secs(blob.size / SLOWEST);
        let mut piped = self
            .client
            .pipe((from()?, to.clone()), blob.size, timeout)?;
        if matches!(&piped, Piped::NotGiven(answer) if answer.status == 401) {
            // A token is got by the way; the upload has not begun yet.
            source.has(blob, &reading)?;
            piped = self.client.pipe((from()?, to), blob.size, timeout)?;
        }
        match piped {
            Piped::Sent(answer) if answer.status == 201 => Ok(Placed::Sent),
            Piped::Sent(answer) => Err(self.failed(&answer, action)),
            Piped::NotGiven(answer) if answer.status == 404 => {
                Err(Error::Absent(blob.digest.to_string()))
            }
            Piped::NotGiven(answer) => Err(source.failed(&answer, &reading)),
            Piped::Length(_) => {
                let reason = format!("it announces another length than {}", blob.size);
                Err(source.foreign(&path, &reason))
            }
        }
    }

    fn upload_address(&self, opened: &Response, blob: &Descriptor, action: &str) -> Result<Url> {
        let location = opened.header("location").filter(|text| !text.is_empty());
        let Some(Ok(mut url)) = location.map(|text| self.base.join(text)) else {
            return Err(self.failed(opened, action));
        };
        url.query_pairs_mut()
            .append_pair("digest", &blob.digest.to_string());
        Ok(url)
    }
}
