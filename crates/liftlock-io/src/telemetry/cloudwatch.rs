//! Amazon CloudWatch, signed as all of AWS.

use liftlock::config::metrics::{Counters, Provider};
use liftlock::telemetry::cloudwatch::{self, Metric};
use liftlock::telemetry::{Arms, Window};
use liftlock::time::Time;
use url::{Position, Url};

use super::ask::{Ask, address};
use super::{Error, auth};
use crate::http::{Method, Request};
use crate::sigv4::{self, Canonical, Scope};
use crate::{clock, env};

const MEDIA_TYPE: &str = "application/x-amz-json-1.0";
const TARGET: &str = "GraniteServiceVersion20100801.GetMetricData";

/// The most pages of one answer.
const MOST: usize = 100;

/// A region and two metrics.
#[derive(Clone, Debug)]
pub(super) struct Place {
    endpoint: Url,
    region: String,
    total: Metric,
    bad: Metric,
}

impl Place {
    pub(super) fn new(place: &Counters) -> Result<Self, Error> {
        let of = Error::of(Provider::CloudWatch);
        cloudwatch::check(place.interval(Provider::CloudWatch)).map_err(&of)?;
        let (endpoint, region) = endpoint(&place.url)?;
        Ok(Self {
            endpoint,
            region,
            total: Metric::new("total", &place.total).map_err(&of)?,
            bad: Metric::new("bad", &place.bad).map_err(&of)?,
        })
    }

    pub(super) fn has_slot(&self) -> [bool; 2] {
        [self.total.has_slot(), self.bad.has_slot()]
    }

    pub(super) fn check(&self, slot: &str) -> Result<(), Error> {
        let window = Window {
            from: Time::EPOCH,
            to: Time::EPOCH,
            interval: liftlock::span::Span::seconds(60),
        };
        self.queries(slot, window).map(drop)
    }

    fn queries(&self, slot: &str, window: Window) -> Result<[serde_json::Value; 2], Error> {
        let of = Error::of(Provider::CloudWatch);
        let total = self.total.about("total", slot, window).map_err(&of)?;
        let bad = self.bad.about("bad", slot, window).map_err(&of)?;
        Ok([total, bad])
    }

    pub(super) fn arms(
        &self,
        ask: &mut Ask<'_>,
        slot: &str,
        window: Window,
    ) -> Result<Arms, Error> {
        let of = Error::of(Provider::CloudWatch);
        let queries = self.queries(slot, window)?;
        let mut pages = Vec::new();
        let mut token: Option<String> = None;
        while pages.len() < MOST {
            let body = cloudwatch::request(&queries, window, token.as_deref()).to_string();
            let request = self.signed(body.as_bytes())?;
            let response = ask.send(&request, (&body, window.to))?;
            let page = cloudwatch::page(response.status, &response.body).map_err(&of)?;
            token.clone_from(&page.next_token);
            pages.push(page);
            if token.is_none() {
                break;
            }
        }
        cloudwatch::arms(&pages, window).map_err(&of)
    }

    fn signed(&self, body: &[u8]) -> Result<Request, Error> {
        let key_id = auth::required("AWS_ACCESS_KEY_ID")?;
        let secret = auth::required("AWS_SECRET_ACCESS_KEY")?;
        let session = env::secret("AWS_SESSION_TOKEN");
        let moment = sigv4::moment(clock::now());
        let host = &self.endpoint[Position::BeforeHost..Position::AfterPort];
        let mut headers = vec![
            ("content-type", MEDIA_TYPE),
            ("host", host),
            ("x-amz-date", moment.as_str()),
        ];
        if let Some(session) = &session {
            headers.push(("x-amz-security-token", session.as_str()));
        }
        headers.push(("x-amz-target", TARGET));
        let canonical = Canonical {
            method: "POST",
            path: "/",
            query: "",
            headers: &headers,
            body,
        };
        let scope = Scope {
            key_id: &key_id,
            secret: &secret,
            region: &self.region,
            service: "monitoring",
        };
        let authorization = sigv4::authorization(&scope, &canonical, &moment);
        let mut request = Request::new(Method::Post, self.endpoint.clone());
        // `host` and the type of the body are added on the way.
        let own = headers.iter().filter(|(name, _)| name.starts_with("x-"));
        for (name, value) in own {
            request = request.with_header(name, *value);
        }
        let request = auth::with_secret(request, "authorization", authorization)?;
        Ok(request.with_body(MEDIA_TYPE, body.to_vec()))
    }
}

/// `eu-west-1`, or the URL of an endpoint with the region in its name or in
/// `AWS_REGION` (or `AWS_DEFAULT_REGION`).
fn endpoint(text: &str) -> Result<(Url, String), Error> {
    let plain = |name: &str| {
        let mut bytes = name.bytes();
        !name.is_empty() && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if plain(text) {
        let domain = if text.starts_with("cn-") { ".cn" } else { "" };
        let url = format!("https://monitoring.{text}.amazonaws.com{domain}/");
        return Ok((address(&url)?, text.to_owned()));
    }
    let mut url = address(text)?;
    url.set_path("/");
    url.set_query(None);
    let named = url
        .host_str()
        .and_then(|host| host.strip_prefix("monitoring."))
        .and_then(|host| host.split('.').next())
        .map(str::to_owned);
    let region = named
        .or_else(|| env::var("AWS_REGION"))
        .or_else(|| env::var("AWS_DEFAULT_REGION"))
        .filter(|region| plain(region))
        .ok_or_else(|| Error::Missing("AWS_REGION".to_owned()))?;
    Ok((url, region))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_names_its_endpoint() {
        let (url, region) = endpoint("eu-west-1").unwrap();
        assert_eq!(url.as_str(), "https://monitoring.eu-west-1.amazonaws.com/");
        assert_eq!(region, "eu-west-1");
        let (url, _) = endpoint("cn-north-1").unwrap();
        assert_eq!(
            url.host_str(),
            Some("monitoring.cn-north-1.amazonaws.com.cn")
        );
        let (_, region) = endpoint("https://monitoring.us-east-2.amazonaws.com/x?y").unwrap();
        assert_eq!(region, "us-east-2");
        assert!(endpoint("evil.example/").is_err());
    }
}
