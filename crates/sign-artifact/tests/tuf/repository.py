"""Writes a TUF repository with python-tuf, in every state that a test serves.

repository.py FOLDER TRUSTED_ROOT SIGNING_CONFIG

Each folder below FOLDER is what a mirror serves; `root.json` beside them is
the root that clients begin with.
"""

import copy
import pathlib
import sys
from datetime import datetime, timedelta, timezone

from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import (
    Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp,
)

OUT, TRUSTED, CONFIG = map(pathlib.Path, sys.argv[1:4])
NOW = datetime.now(timezone.utc).replace(microsecond=0)
LATER = NOW + timedelta(days=30)
PAST = NOW - timedelta(hours=1)

OLD = [CryptoSigner.generate_ecdsa() for _ in range(3)]
NEW = [CryptoSigner.generate_ed25519() for _ in range(3)]
ONLINE = {
    "timestamp": CryptoSigner.generate_ecdsa(),
    "snapshot": CryptoSigner.generate_ed25519(),
    # Its signatures have one length, so that mixed files differ in nothing else.
    "targets": CryptoSigner.generate_ed25519(),
}


def root(version, signers, threshold, by, unknown=(), stamps=()):
    """Keys of unknown kinds belong to the root role; stamps sign timestamps too."""
    signed = Root(version=version, expires=LATER, consistent_snapshot=True)
    for key in unknown:
        signed.add_key(key, "root")
    for signer in stamps:
        signed.add_key(signer.public_key, "timestamp")
        signed.roles["timestamp"].threshold += 1
    for signer in signers:
        signed.add_key(signer.public_key, "root")
    for role, signer in ONLINE.items():
        signed.add_key(signer.public_key, role)
    signed.roles["root"].threshold = threshold
    return sealed(signed, by)


def sealed(signed, by):
    metadata = Metadata(signed)
    for signer in by:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()


def described(version, data):
    return MetaFile.from_data(version, data, ["sha256", "sha512"])


def state(version, trusted=None, timestamp=None, expires=LATER, ends=LATER, config=None):
    """The files of one state, without roots."""
    trusted = trusted or TRUSTED.read_bytes()
    config = config or CONFIG.read_bytes()
    files = {}
    targets = Targets(version=version, expires=ends)
    for name, data in [("trusted_root.json", trusted), ("signing_config.v0.2.json", config)]:
        target = TargetFile.from_data(name, data, ["sha256"])
        targets.targets[name] = target
        files[f"targets/{target.hashes['sha256']}.{name}"] = data
    files[f"{version}.targets.json"] = one = sealed(targets, [ONLINE["targets"]])
    snapshot = Snapshot(version=version, expires=LATER, meta={"targets.json": described(version, one)})
    files[f"{version}.snapshot.json"] = two = sealed(snapshot, [ONLINE["snapshot"]])
    stamp = Timestamp(
        version=timestamp or version, expires=expires, snapshot_meta=described(version, two)
    )
    files["timestamp.json"] = sealed(stamp, [ONLINE["timestamp"]])
    return files


def write(name, files):
    for path, data in files.items():
        place = OUT / name / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)


first = root(1, OLD, 2, OLD[:2])
second = root(2, NEW, 2, OLD[:2] + NEW[:2])
third = root(3, NEW, 3, NEW)
(OUT / "root.json").write_bytes(first)

newest = state(5)
rotated = {"2.root.json": second, "3.root.json": third}
other = TRUSTED.read_bytes() + b"\n"
good = state(6, trusted=other)
changed = copy.deepcopy(good)
for path in changed:
    if path.endswith("trusted_root.json"):
        changed[path] = TRUSTED.read_bytes() + b" "
mixed = {}
for name in ["snapshot", "targets"]:
    # Each file is signed, and of a version that fits; they were never one state.
    mixed[name] = dict(good) | {f"6.{name}.json": state(6, ends=LATER + timedelta(days=1))[f"6.{name}.json"]}
longer = dict(good)
for path in longer:
    if path.endswith("trusted_root.json"):
        longer[path] = other + b" " * 1_000_000
strange = [SSlibKey(f"{number}" * 64, "rot13", "rot13", {"public": "aa"}) for number in range(2)]
unknown = root(2, NEW[:1], 2, OLD[:2] + NEW[:1], unknown=strange)
known = root(2, NEW[:2], 2, OLD[:2] + NEW[:2], unknown=strange)
lonely = root(2, OLD, 2, OLD[:2], stamps=NEW[:1])
public = CONFIG.read_text().replace("http://127.0.0.1", "https://fulcio.sigstore.dev")
assert "sigstore.dev" in public
cut = dict(newest)
cut["timestamp.json"] = cut["timestamp.json"][:100]
endless = dict(newest)
endless["timestamp.json"] = b" " * 1_000_000

write("first", newest)
write("rotated", newest | rotated)
write("newer", good | rotated)
write("by-old-keys-only", newest | {"2.root.json": root(2, NEW, 2, OLD[:2])})
write("by-new-keys-only", newest | {"2.root.json": root(2, NEW, 2, NEW[:2])})
write("too-few-keys", newest | {"2.root.json": root(2, NEW, 2, OLD[:1] + NEW[:2])})
write("expired-timestamp", state(6, expires=PAST))
write("expired-targets", state(6, ends=PAST))
write("old-snapshot", state(4, timestamp=6))
write("old-timestamp", state(4))
write("changed-target", changed)
write("mixed-snapshot", mixed["snapshot"])
write("mixed-targets", mixed["targets"])
write("longer-target", longer)
write("unknown-keys", newest | {"2.root.json": unknown})
write("known-keys", newest | {"2.root.json": known})
write("one-of-two-timestamps", newest | {"2.root.json": lonely})
write("public-hosts", state(6, config=public.encode()))
write("cut", cut)
write("endless", endless)
write("empty", {"nothing": b""})
