//! Requests signed for Amazon Web Services, version 4
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).

use liftlock::digest::Digest;
use liftlock::time::Time;
use ring::hmac;

/// The key of an account, as AWS tools read it from the environment.
#[cfg(feature = "s3")]
#[derive(Clone)]
pub(crate) struct Login {
    pub(crate) key_id: String,
    pub(crate) secret: String,
    /// Of keys that last for some hours.
    pub(crate) session: Option<String>,
}

#[cfg(feature = "s3")]
impl std::fmt::Debug for Login {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Login({})", self.key_id)
    }
}

/// Who signs, for which region and service.
pub(crate) struct Scope<'a> {
    pub(crate) key_id: &'a str,
    pub(crate) secret: &'a str,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
}

/// A request as it is signed.
pub(crate) struct Canonical<'a> {
    pub(crate) method: &'a str,
    /// Encoded already; begins with a slash.
    pub(crate) path: &'a str,
    /// Encoded and sorted already.
    pub(crate) query: &'a str,
    /// Lower-case names, sorted, without `authorization`.
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a [u8],
}

/// A moment as AWS writes it: `20150830T123600Z`.
pub(crate) fn moment(time: Time) -> String {
    let text = time.to_string();
    let whole = text.split(['.', 'Z']).next().unwrap_or_default();
    let digits: String = whole.chars().filter(|one| !"-:".contains(*one)).collect();
    format!("{digits}Z")
}

/// The value of the header `authorization`.
pub(crate) fn authorization(scope: &Scope<'_>, request: &Canonical<'_>, moment: &str) -> String {
    let names: Vec<&str> = request.headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let lines = request.headers.iter();
    let lines: String = lines
        .map(|(name, value)| format!("{name}:{}\n", value.trim()))
        .collect();
    let canonical = format!(
        "{}\n{}\n{}\n{lines}\n{names}\n{}",
        request.method,
        request.path,
        request.query,
        hash(request.body)
    );
    let day = moment.split('T').next().unwrap_or_default();
    let place = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let text = format!(
        "AWS4-HMAC-SHA256\n{moment}\n{place}\n{}",
        hash(canonical.as_bytes())
    );
    let first = hmac::Key::new(
        hmac::HMAC_SHA256,
        format!("AWS4{}", scope.secret).as_bytes(),
    );
    let steps = [day, scope.region, scope.service, "aws4_request"];
    let key = steps.into_iter().fold(first, |key, step| {
        hmac::Key::new(
            hmac::HMAC_SHA256,
            hmac::sign(&key, step.as_bytes()).as_ref(),
        )
    });
    let signature = hex::encode(hmac::sign(&key, text.as_bytes()));
    format!(
        "AWS4-HMAC-SHA256 Credential={}/{place}, SignedHeaders={names}, Signature={signature}",
        scope.key_id
    )
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Digest::of(bytes).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn signature(service: &str, request: &Canonical<'_>) -> String {
        let scope = Scope {
            key_id: "AKIDEXAMPLE",
            secret: SECRET,
            region: "us-east-1",
            service,
        };
        let text = authorization(&scope, request, "20150830T123600Z");
        text.split("Signature=").nth(1).unwrap().to_owned()
    }

    /// `get-vanilla` and `post-vanilla` of AWS's test suite for version 4, and
    /// the worked example of its guide.
    #[test]
    fn the_published_examples_are_signed_as_published() {
        let headers = [
            ("host", "example.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
        ];
        let vanilla = |method| Canonical {
            method,
            path: "/",
            query: "",
            headers: &headers,
            body: b"",
        };
        assert_eq!(
            signature("service", &vanilla("GET")),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
        assert_eq!(
            signature("service", &vanilla("POST")),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
        let headers = [
            (
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8",
            ),
            ("host", "iam.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
        ];
        let listing = Canonical {
            method: "GET",
            path: "/",
            query: "Action=ListUsers&Version=2010-05-08",
            headers: &headers,
            body: b"",
        };
        assert_eq!(
            signature("iam", &listing),
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
    }

    #[test]
    fn a_moment_has_no_fraction() {
        let time = Time::from_unix_millis(1_440_938_160_123).unwrap();
        assert_eq!(moment(time), "20150830T123600Z");
        assert_eq!(moment(Time::EPOCH), "19700101T000000Z");
    }
}
