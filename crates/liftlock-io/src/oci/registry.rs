//! A repository of a registry, by the OCI distribution specification 1.1.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use liftlock::digest::Digest;
use liftlock::oci::Version;
use liftlock::oci::docker::Login;
use liftlock::oci::document::{LARGEST, MANIFEST, MANIFESTS};
use serde::Deserialize;
use url::Url;

use super::auth;
use super::docker;
use super::merge::jitter;
use super::{Error, Found, Result};
use crate::clock;
use crate::http::{self, Client, Limits, Method, Request, Response};

const TIMEOUT: Duration = Duration::from_secs(60);

/// How many milliseconds to wait at most before writing an object again.
const INSISTING: [u64; 4] = [50, 100, 200, 400];

/// How long to wait before reading again.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];

/// A repository of a registry.
#[derive(Debug)]
pub struct Registry {
    pub(super) client: Client,
    pub(super) host: String,
    pub(super) repository: String,
    pub(super) base: Url,
    /// The scope that a token needs beside what the registry asks for.
    pub(super) also: OnceLock<String>,
    /// Looked up when the registry asks: whoever may read without a login
    /// starts no helper.
    login: OnceLock<Option<Login>>,
    authorization: Mutex<Option<String>>,
}

impl Registry {
    /// Prepares to speak to a registry; nothing is sent yet.
    pub(super) fn open(host: &str, repository: &str, options: &http::Options) -> Result<Self> {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let scheme = if is_local(name) { "http" } else { "https" };
        let text = format!("{scheme}://{host}/v2/{repository}/");
        let Ok(base) = text.parse() else {
            return Err(Error::Foreign {
                url: text,
                reason: "not an address".to_owned(),
            });
        };
        Ok(Self {
            client: Client::new(options)?,
            host: host.to_owned(),
            repository: repository.to_owned(),
            base,
            also: OnceLock::new(),
            login: OnceLock::new(),
            authorization: Mutex::new(None),
        })
    }

    pub(super) fn manifest(&self, version: &Version) -> Result<Option<Found>> {
        let action = format!("reading `{version}`");
        let path = format!("manifests/{version}");
        let response = self.send(
            &self.read(&path)?,
            u64::try_from(LARGEST).unwrap_or(0),
            &action,
        )?;
        match response.status {
            200 => {}
            404 => return Ok(None),
            _ => return Err(self.failed(&response, &action)),
        }
        let media_type = self.media_type(&response, &path)?;
        let announced = response.header("docker-content-digest");
        let announced = announced.and_then(|text| text.parse().ok());
        let found = Found::new(&media_type, response.body);
        match announced {
            Some(wanted) if wanted != found.descriptor.digest => Err(Error::Digest {
                wanted,
                found: found.descriptor.digest,
            }),
            Some(_) | None => Ok(Some(found)),
        }
    }

    /// As [`Registry::manifest`], for tags that may be absent in a repository
    /// that can be read: Artifactory hides them behind 403.
    pub(super) fn manifest_or_hidden(&self, version: &Version) -> Result<Option<Found>> {
        match self.manifest(version) {
            Err(Error::Refused { status: 403, .. }) => Ok(None),
            result => result,
        }
    }

    /// `HOST/REPOSITORY`.
    pub(super) fn address(&self) -> String {
        format!("{}/{}", self.host, self.repository)
    }

    /// A GET that accepts every kind of manifest.
    pub(super) fn read(&self, path: &str) -> Result<Request> {
        Ok(Request::get(self.url(path)?).with_header("accept", MANIFESTS.join(", ")))
    }

    fn media_type(&self, response: &Response, path: &str) -> Result<String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Typed {
            media_type: Option<String>,
        }
        let foreign = |reason: &str| self.foreign(path, reason);
        if response.is_html() {
            return Err(foreign("it sends a page for people"));
        }
        let typed: Typed = match serde_json::from_slice(&response.body) {
            Ok(typed) => typed,
            Err(_) => return Err(foreign("it sends no manifest")),
        };
        let header = response.header("content-type").unwrap_or_default();
        let header = header.split(';').next().unwrap_or_default().trim();
        let media_type = typed.media_type.unwrap_or_else(|| header.to_owned());
        if MANIFESTS.contains(&media_type.as_str()) {
            Ok(media_type)
        } else {
            Err(foreign("it sends a document of another kind"))
        }
    }

    pub(super) fn put(&self, version: &Version, media_type: &str, bytes: &[u8]) -> Result<()> {
        let action = format!("writing `{version}`");
        let url = self.url(&format!("manifests/{version}"))?;
        let request = Request::new(Method::Put, url).with_body(media_type, bytes.to_vec());
        let response = self.send(&request, 65_536, &action)?;
        match response.status {
            201 => Ok(()),
            _ => Err(self.failed(&response, &action)),
        }
    }

    /// Writes a manifest that nobody writes otherwise, whose writing may be
    /// repeated therefore: distribution 2 answers 400 while another writer
    /// uploads the same blob.
    pub(super) fn put_object(&self, version: &Version, bytes: &[u8]) -> Result<()> {
        Self::insist(|| self.put(version, MANIFEST, bytes))
    }

    fn insist<T>(mut effect: impl FnMut() -> Result<T>) -> Result<T> {
        for pause in INSISTING {
            match effect() {
                Err(
                    Error::Status { .. }
                    | Error::Http(http::Error::Timeout { .. } | http::Error::Broken { .. }),
                ) => clock::wait(jitter(Duration::from_millis(pause))),
                result => return result,
            }
        }
        effect()
    }

    pub(super) fn blob(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>> {
        let action = format!("reading the blob `{digest}`");
        let url = self.url(&format!("blobs/{digest}"))?;
        let response = self.send(&Request::get(url), limit, &action)?;
        match response.status {
            200 if response.is_html() && Digest::of(&response.body) != *digest => {
                Err(self.foreign(&format!("blobs/{digest}"), "it sends a page for people"))
            }
            200 => Ok(response.body),
            404 => Err(Error::Absent(digest.to_string())),
            _ => Err(self.failed(&response, &action)),
        }
    }

    /// Writes a blob; its digest is its name, so that this may be repeated.
    pub(super) fn put_blob(&self, bytes: &[u8]) -> Result<Digest> {
        Self::insist(|| self.upload(bytes))
    }

    fn upload(&self, bytes: &[u8]) -> Result<Digest> {
        let digest = Digest::of(bytes);
        let action = format!("writing the blob `{digest}`");
        let head = Request::new(Method::Head, self.url(&format!("blobs/{digest}"))?);
        if self.send(&head, 0, &action)?.status == 200 {
            return Ok(digest);
        }
        let start = Request::new(Method::Post, self.url("blobs/uploads/")?);
        let response = self.send(&start, 65_536, &action)?;
        if response.status != 202 {
            return Err(self.failed(&response, &action));
        }
        let location = response.header("location").unwrap_or_default();
        let Ok(mut url) = self.base.join(location) else {
            return Err(self.failed(&response, &action));
        };
        url.query_pairs_mut()
            .append_pair("digest", &digest.to_string());
        let put = Request::new(Method::Put, url);
        let put = put.with_body("application/octet-stream", bytes.to_vec());
        let response = self.send(&put, 65_536, &action)?;
        match response.status {
            201 => Ok(digest),
            _ => Err(self.failed(&response, &action)),
        }
    }

    pub(super) fn url(&self, path: &str) -> Result<Url> {
        match self.base.join(path) {
            Ok(url) => Ok(url),
            Err(_) => Err(self.foreign(path, "not an address")),
        }
    }

    pub(super) fn foreign(&self, path: &str, reason: &str) -> Error {
        Error::Foreign {
            url: format!("{}{path}", self.base),
            reason: reason.to_owned(),
        }
    }

    /// Sends a request, and once more with credentials when they are asked for.
    pub(super) fn send(&self, request: &Request, limit: u64, action: &str) -> Result<Response> {
        let limits = Limits {
            bytes: limit.max(65_536),
            timeout: TIMEOUT,
        };
        let response = self.patiently(request, limits)?;
        if response.status != 401 {
            return Ok(response);
        }
        // Who we are is for the registry, whoever it sends us to.
        if let Some(url) = &response.elsewhere {
            return Err(Error::Strange {
                host: self.host.clone(),
                action: action.to_owned(),
                elsewhere: url.authority().to_owned(),
            });
        }
        let challenge = auth::challenge(&response).ok_or_else(|| self.refused(401, action))?;
        let login = self.login()?;
        let also = self.also.get().map(String::as_str);
        let authorization = auth::answer(&self.client, (&challenge, also), login)?;
        let authorization = authorization.ok_or_else(|| self.refused(401, action))?;
        *self
            .authorization
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(authorization);
        let response = self.patiently(request, limits)?;
        match response.status {
            401 => Err(self.refused(401, action)),
            _ => Ok(response),
        }
    }

    /// Sends a request, and what only reads again when the registry has a bad
    /// moment. Effects are sent once: their callers hold leases that run out.
    fn patiently(&self, request: &Request, limits: Limits) -> Result<Response> {
        let reads = matches!(request.method, Method::Get | Method::Head);
        for pause in PAUSES.into_iter().filter(|_| reads) {
            match self.client.send(self.signed(request.clone()), limits) {
                Ok(response) if !matches!(response.status, 429 | 500..) => return Ok(response),
                Ok(_) | Err(http::Error::Timeout { .. } | http::Error::Broken { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            clock::wait(pause);
        }
        Ok(self.client.send(self.signed(request.clone()), limits)?)
    }

    /// The request with what proves who we are, if it stays with this registry.
    pub(super) fn signed(&self, request: Request) -> Request {
        let ours = request.url.origin() == self.base.origin();
        let known = self
            .authorization
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match known.filter(|_| ours) {
            Some(value) => request.with_header("authorization", value),
            None => request,
        }
    }

    fn login(&self) -> Result<Option<&Login>> {
        if self.login.get().is_none() {
            let found = docker::login(&self.host, &self.repository)?;
            return Ok(self.login.get_or_init(|| found).as_ref());
        }
        Ok(self.login.get().and_then(Option::as_ref))
    }

    fn refused(&self, status: u16, action: &str) -> Error {
        let hint = match self.login.get() {
            Some(Some(_)) => "check the user's rights and password".to_owned(),
            Some(None) | None => format!("log in with `docker login {}`", self.host),
        };
        Error::Refused {
            host: self.host.clone(),
            action: action.to_owned(),
            status,
            hint,
        }
    }

    /// What a status other than the expected one means.
    pub(super) fn failed(&self, response: &Response, action: &str) -> Error {
        #[derive(Deserialize)]
        struct Errors {
            errors: Vec<One>,
        }
        #[derive(Deserialize)]
        struct One {
            #[serde(default)]
            code: String,
            #[serde(default)]
            message: String,
        }
        if matches!(response.status, 401 | 403) {
            return self.refused(response.status, action);
        }
        let told = serde_json::from_slice::<Errors>(&response.body).ok();
        let first = told.and_then(|told| told.errors.into_iter().next());
        let message = first.map(|one| format!(": {} {}", one.code, one.message));
        let message = message.unwrap_or_default();
        let printable = message.chars().filter(|letter| !letter.is_control());
        Error::Status {
            host: self.host.clone(),
            action: action.to_owned(),
            status: response.status,
            message: printable.take(200).collect(),
        }
    }
}

/// Whether a host is this machine.
pub(super) fn is_local(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]") || host.ends_with(".localhost")
}
