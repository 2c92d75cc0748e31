//! Which people signed a release or vouched for how it was built: they may
//! not approve it as well.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::attestation;
use crate::bundle::{Bundle, Content, Material};
use crate::config::trust::{Keyring, Role};
use crate::crypto::{PublicKey, Verifier};
use crate::digest::Digest;
use crate::signature::{self, Artifact, Refused};

/// The keys of people that made one of these signatures or builder's
/// statements. Each bundle comes with the digest that it was found under.
#[must_use]
pub fn signers(
    found: &[(Digest, Bundle)],
    keyring: &Keyring,
    verifier: &dyn Verifier,
) -> Vec<PublicKey> {
    let people = keyring.people.values().flat_map(|person| &person.keys);
    let keys: Vec<PublicKey> = people.filter_map(|dated| dated.key.clone()).collect();
    let mut signers: Vec<PublicKey> = found
        .iter()
        .filter_map(|(subject, bundle)| match bundle.content() {
            Content::Message { .. } => {
                let artifact = Artifact::known_by(*subject);
                match signature::verify(bundle, &artifact, &keys, verifier) {
                    Ok(key) => Some(key),
                    // Without the artifact's bytes it cannot be checked; then
                    // its word has to do, as it only takes a right away.
                    Err(Refused::Hash | Refused::Bytes) => hinted(bundle, &keys),
                    Err(_refused) => None,
                }
            }
            Content::Envelope(_) => {
                let proved = attestation::verify(bundle, &keys, verifier).ok()?;
                let role = Role::of_predicate(proved.statement.predicate_type());
                (role == Some(Role::Builder)).then_some(proved.key)
            }
        })
        .collect();
    signers.sort();
    signers.dedup();
    signers
}

/// The key that a bundle says was used.
fn hinted(bundle: &Bundle, keys: &[PublicKey]) -> Option<PublicKey> {
    let Material::Key { hint } = bundle.material() else {
        return None;
    };
    let said = |key: &&PublicKey| *hint == STANDARD.encode(key.id().as_bytes());
    keys.iter().find(said).cloned()
}

#[cfg(test)]
mod tests {
    use super::super::answer::Say;
    use super::super::toy::{CHECK, Toy, answer, key, keyring, request, signed};
    use super::*;
    use crate::bundle::MessageDigest;
    use crate::crypto::Hash;
    use crate::predicate::RELEASE;
    use crate::statement::{Statement, Subject};

    #[test]
    fn whoever_signed_is_found_but_not_whoever_answered() {
        let digest = request().release.digest;
        let subject = vec![Subject::new(&digest)];
        let statement = Statement::new(subject, RELEASE, &serde_json::json!({})).unwrap();
        let attested = attestation::sign(&statement, &Toy(key(4))).unwrap();
        let digest_only = Artifact::known_by(digest);
        let message = signature::sign(&digest_only, &Toy(key(2))).unwrap();
        let machine = signature::sign(&digest_only, &Toy(key(77))).unwrap();
        let answered = signed(&answer("alice", Say::Yes, "10:30"), 1);
        let found = [attested, message, machine, answered].map(|bundle| (digest, bundle));
        let mut expected = vec![key(4), key(2)];
        expected.sort();
        assert_eq!(signers(&found, &keyring(), &CHECK), expected);
    }

    #[test]
    fn whoever_says_so_is_a_signer_where_it_cannot_be_checked() {
        let digest = request().release.digest;
        let content = Content::Message {
            digest: MessageDigest {
                hash: Hash::Sha384,
                bytes: vec![1; 48],
            },
            signature: vec![1],
        };
        let found = [3, 77].map(|fill| (digest, Bundle::new(&key(fill), content.clone()).unwrap()));
        assert_eq!(signers(&found, &keyring(), &CHECK), vec![key(3)]);
    }
}
