//! What is done with bytes from outside, parser by parser. The fuzzer and the
//! replay of its corpus call the same functions; a finding is a panic.

mod key;
mod oci;
mod sigstore;
mod slo;
mod ssh;
mod telemetry;
mod text;
mod tuf;

/// Is told each place that an input came to.
pub type Reach<'a> = &'a mut dyn FnMut(&'static str);

/// One parser, or several of the same bytes.
#[derive(Debug)]
pub struct Target {
    /// The name of its program and of its corpus.
    pub name: &'static str,
    /// Takes the bytes of one input.
    pub run: fn(&[u8], Reach<'_>),
    /// The places behind its checks. The corpus comes to all of them, so that
    /// the fuzzer does not begin in front of the first one.
    pub places: &'static [&'static str],
}

/// Every target.
pub const TARGETS: [Target; 28] = [
    Target {
        name: "bundle",
        run: sigstore::bundle,
        places: &["read", "entry", "timestamp", "key", "identity"],
    },
    Target {
        name: "certificate",
        run: sigstore::certificate,
        places: &["read", "identity", "sct"],
    },
    Target {
        name: "challenge",
        run: oci::challenge,
        places: &["basic", "bearer", "service", "scope"],
    },
    Target {
        name: "checkpoint",
        run: sigstore::checkpoint,
        places: &["read", "signed"],
    },
    Target {
        name: "checksums",
        run: text::checksums_file,
        places: &["read"],
    },
    Target {
        name: "codeowners",
        run: text::codeowners,
        places: &["github", "gitlab", "owned", "unowned"],
    },
    Target {
        name: "docker_config",
        run: oci::docker_config,
        places: &["password", "identity", "bearer", "helper", "answer"],
    },
    Target {
        name: "edit",
        run: text::edit,
        places: &["yaml", "json", "toml"],
    },
    Target {
        name: "fulcio_answer",
        run: sigstore::fulcio_answer,
        places: &["certificate"],
    },
    Target {
        name: "glob",
        run: text::pattern,
        places: &["glob", "fits", "expression", "matches"],
    },
    Target {
        name: "key_file",
        run: key::key_file,
        places: &["public", "private", "factors", "sealed"],
    },
    Target {
        name: "legacy_layer",
        run: oci::legacy_layer,
        places: &["signature", "read", "entry", "timestamp"],
    },
    Target {
        name: "log_answer",
        run: sigstore::log_answer,
        places: &["first", "second", "about"],
    },
    Target {
        name: "log_body",
        run: sigstore::log_body,
        places: &["hashed 1", "hashed 2", "dsse 1", "dsse 2", "intoto 2"],
    },
    Target {
        name: "oci",
        run: oci::documents,
        places: &["index", "manifest", "tree", "entry", "list"],
    },
    Target {
        name: "part",
        run: text::part,
        places: &["part", "release"],
    },
    Target {
        name: "private_key",
        run: key::private_key,
        places: &["p256", "p384", "ed25519", "rsa", "sec1", "pkcs1", "used"],
    },
    Target {
        name: "public_key",
        run: key::public_key,
        places: &["der", "pkcs1", "pem"],
    },
    Target {
        name: "reference",
        run: text::reference,
        places: &["registry", "layout"],
    },
    Target {
        name: "sct",
        run: sigstore::promise,
        places: &["read"],
    },
    Target {
        name: "services",
        run: sigstore::services,
        places: &["root", "authorities", "logs", "timestamps", "both"],
    },
    Target {
        name: "slo",
        run: slo::file,
        places: &["slo", "analysis", "windows", "skipped", "invalid", "again"],
    },
    Target {
        name: "ssh",
        run: ssh::documents,
        places: &["answer", "key", "signature", "proved", "signer"],
    },
    Target {
        name: "statement",
        run: text::statement,
        places: &["statement", "envelope", "inside"],
    },
    Target {
        name: "telemetry",
        run: telemetry::answer,
        places: &[
            "page",
            "haproxy",
            "envoy",
            "datadog",
            "cloudwatch",
            "newrelic",
            "graphite",
            "influxql",
            "flux",
            "rows",
        ],
    },
    Target {
        name: "timestamp",
        run: sigstore::timestamp,
        places: &["read", "proved"],
    },
    Target {
        name: "token",
        run: text::token,
        places: &["read", "usable"],
    },
    Target {
        name: "tuf",
        run: tuf::repository,
        places: &["kept", "updated", "again", "rotated"],
    },
];

/// Runs the target of that name; says whether there is one.
pub fn run(name: &str, bytes: &[u8]) -> bool {
    let target = TARGETS.iter().find(|target| target.name == name);
    if let Some(target) = target {
        (target.run)(bytes, &mut |_| ());
    }
    target.is_some()
}

/// A public key of our own.
const KEY: &str = include_str!("../../crates/liftlock-io/src/key/testdata/cosign.pub");

/// The text before the first newline, and the bytes after it.
fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let at = bytes.iter().position(|byte| *byte == b'\n')?;
    let (head, rest) = bytes.split_at_checked(at)?;
    Some((std::str::from_utf8(head).ok()?, rest.get(1..)?))
}
