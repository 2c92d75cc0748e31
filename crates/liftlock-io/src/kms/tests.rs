use std::time::Duration;

use liftlock::failure::{Explain as _, Kind};

use super::*;

#[test]
fn what_is_no_service_is_left_to_others() {
    let options = http::Options {
        ca_file: None,
        timeout: Duration::from_secs(1),
    };
    for text in ["cosign.key", "env://KEY", "k8s://ns/secret"] {
        assert!(Key::open(text, &options).unwrap().is_none(), "{text}");
    }
    let error = Key::open("hashivault://a/b", &options).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
}
