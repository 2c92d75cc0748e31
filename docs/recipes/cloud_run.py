#!/usr/bin/env python3
"""Splits the requests of a Cloud Run service between two tagged revisions.

    traffic:
      command:
        read: [./cloud_run.py, read, SERVICE, REGION]
        shift: [./cloud_run.py, shift, SERVICE, REGION]
        slots: { stable: blue, canary: green }
    steps: [5%, 25%, 50%, 100%]       # whole percents: Cloud Run takes no others
    slo: { availability: 99.9% }      # what it is held to at 100 %

`place.command` runs `gcloud run deploy SERVICE --image …@sha256:… --no-traffic
--tag SLOT`; `prove.command` reads the digest of the revision with that tag.

`gcloud` asks, with the job's own login. It keeps no fence: the next owner
repairs what a late order of an old one did. Cloud Run splits by chance.
"""

import json
import subprocess
import sys


def gcloud(*words):
    command = ["gcloud", "run", "services", *words, "--quiet", "--format=json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def read(asked, service, region):
    described = gcloud("describe", service, f"--region={region}")
    targets = described["status"]["traffic"]
    holds = {target["tag"]: target["revisionName"] for target in targets if "tag" in target}
    stable, canary = asked["slots"]["stable"], asked["slots"]["canary"]
    weights = {stable: 0, canary: 0}
    for target in targets:
        share = target.get("percent", 0) * 100
        owner = [slot for slot in (stable, canary) if holds.get(slot) == target["revisionName"]]
        if target.get("tag") in weights:
            weights[target["tag"]] += share
        elif owner:
            weights[owner[0]] += share
        elif share:
            sys.exit(f"revision {target['revisionName']} gets requests and has no slot's tag")
    return {"schema_version": 1, "weights": weights}


def shift(asked, service, region):
    weights = asked["weights"]
    if any(points % 100 for points in weights.values()):
        sys.exit("Cloud Run takes whole percents only: choose rounder `steps`")
    shares = [f"{slot}={points // 100}" for slot, points in weights.items() if points]
    gcloud("update-traffic", service, f"--region={region}", f"--to-tags={','.join(shares)}")


def main(word, service, region):
    asked = json.load(sys.stdin)
    if word == "read":
        print(json.dumps(read(asked, service, region)))
    else:
        shift(asked, service, region)


main(*sys.argv[1:])
