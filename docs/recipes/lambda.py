#!/usr/bin/env python3
"""Splits the requests of an AWS Lambda alias between the versions of two others.

    traffic:
      command:
        read: [./lambda.py, read, FUNCTION, live]
        shift: [./lambda.py, shift, FUNCTION, live]
        slots: { stable: blue, canary: green }

Set up once: an alias for users (`live`) and one for each slot (`blue`, `green`),
all at published versions. `place.command` publishes a version and points the
alias of its slot at it; `prove.command` reads the version of that alias.

The command line of AWS asks, with the job's own login. The alias's revision is
compared by Lambda, and its description keeps the fence, so that a late order of
an old owner changes nothing. Lambda splits by chance, between two versions.
"""

import json
import subprocess
import sys

FENCE = "liftlock fence "


def aws(*words):
    command = ["aws", "lambda", *words, "--output", "json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def alias(function, name):
    return aws("get-alias", "--function-name", function, "--name", name)


def versions(function, slots):
    return {slot: alias(function, slot)["FunctionVersion"] for slot in slots.values()}


def read(asked, function, name):
    live = alias(function, name)
    others = live.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    shares = {version: round(share * 10_000) for version, share in others.items()}
    shares[live["FunctionVersion"]] = 10_000 - sum(shares.values())
    weights = {slot: 0 for slot in asked["slots"].values()}
    known = versions(function, asked["slots"])
    for version, share in shares.items():
        # Where both slots hold one version, the stable one answers for it.
        owner = [slot for slot in asked["slots"].values() if known[slot] == version]
        stable = asked["slots"]["stable"]
        if owner:
            weights[stable if stable in owner else owner[0]] += share
        elif share:
            sys.exit(f"`{name}` sends requests to version {version}, which no slot holds")
    return {"schema_version": 1, "weights": weights}


def shift(asked, function, name):
    live, known = alias(function, name), versions(function, asked["slots"])
    described = live.get("Description", "")
    if described.startswith(FENCE) and int(described[len(FENCE):]) > asked["fence"]:
        sys.exit(f"`{name}` was changed by a newer owner: {described}")
    weights = asked["weights"]
    first, second = sorted(weights, key=weights.get, reverse=True)
    if weights[second] and known[first] == known[second]:
        sys.exit(f"`{first}` and `{second}` hold one version: nothing can be split")
    others = {known[second]: weights[second] / 10_000} if weights[second] else {}
    aws(
        "update-alias", "--function-name", function, "--name", name,
        "--function-version", known[first],
        "--routing-config", json.dumps({"AdditionalVersionWeights": others}),
        "--description", f"{FENCE}{asked['fence']}",
        "--revision-id", live["RevisionId"],
    )


def main(word, function, name):
    asked = json.load(sys.stdin)
    if word == "read":
        print(json.dumps(read(asked, function, name)))
    else:
        shift(asked, function, name)


main(*sys.argv[1:])
