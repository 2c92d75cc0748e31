//! Keys, signatures and lists of OpenSSH.

use liftlock::approval::form::{NAMESPACE, Signed};
use liftlock::ssh::{self, Signature};
use liftlock_io::verify::Local;

use super::Reach;

pub(super) fn documents(bytes: &[u8], reach: Reach<'_>) {
    if let Ok(Signed::Ssh(signed)) = Signed::parse(bytes) {
        reach("answer");
        let again = Signed::parse(Signed::Ssh(signed.clone()).bytes());
        assert_eq!(again.ok(), Some(Signed::Ssh(signed)), "read as another");
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if ssh::public(text).is_ok() {
        reach("key");
    }
    if let Ok(signature) = Signature::parse(text) {
        reach("signature");
        let again = Signature::parse(&signature.armored());
        assert_eq!(again.as_ref(), Ok(&signature), "read as another signature");
        if signature.verify(b"yes\n", NAMESPACE, &Local).is_ok() {
            reach("proved");
        }
    }
    if ssh::signers(text, &["alice"], NAMESPACE).is_ok_and(|found| !found.is_empty()) {
        reach("signer");
    }
}
