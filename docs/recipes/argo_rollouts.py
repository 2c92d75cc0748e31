#!/usr/bin/env python3
"""Lets Argo Rollouts split requests, step by step, as the plan says.

    traffic:
      command:
        read: [./argo_rollouts.py, read, NAMESPACE, ROLLOUT]
        shift: [./argo_rollouts.py, shift, NAMESPACE, ROLLOUT]
        timeout: 5m
        slots: { stable: blue, canary: green }
    steps: [5%, 25%, 100%]
    slo: { availability: 99.9% }      # what it is held to at 100 %

The canary strategy of the Rollout has the same steps, each with an endless
pause, and no analysis of its own; the last one is left to `promote --full`:

    steps: [{ setWeight: 5 }, { pause: {} }, { setWeight: 25 }, { pause: {} }]

`place.command` sets the image by digest and returns; before the first shift the
Rollout has to wait at 0 %, so let its steps begin with { setWeight: 0 } and
{ pause: {} }. A Rollout has no names for its two versions: an annotation keeps
which slot is the one that serves when nothing is under way. Argo's weights are
whole percents; it goes up by its own steps, and down to nothing at once.

`kubectl` with its plugin asks, with the job's own login. Argo has no fence: the
next owner repairs what a late order of an old one did.
"""

import json
import subprocess
import sys
import time

LIVE = "liftlock.github.io/live"


class Rollout:
    def __init__(self, namespace, name):
        self.where = ["--namespace", namespace]
        self.name = name

    def kubectl(self, *words):
        command = ["kubectl", *words, *self.where]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout

    def look(self):
        self.seen = json.loads(self.kubectl("get", "rollout", self.name, "--output=json"))
        self.status = self.seen.get("status", {})

    def live(self, slots):
        return self.seen["metadata"].get("annotations", {}).get(LIVE, slots["stable"])

    def is_done(self):
        """Nothing is under way: what is wanted is what is stable."""
        stable = self.status.get("stableRS")
        return bool(stable) and stable == self.status.get("currentPodHash")

    def percent(self):
        """What the version under way gets."""
        weights = self.status.get("canary", {}).get("weights")
        if weights:
            return weights["canary"]["weight"]
        if self.status.get("abort"):
            return 0
        return ([0] + self.shares(self.status.get("currentStepIndex", 0)))[-1]

    def shares(self, steps=None):
        """Of the first steps, or of all."""
        known = self.seen["spec"]["strategy"]["canary"].get("steps", [])
        return [step["setWeight"] for step in known[:steps] if "setWeight" in step]

    def wait(self, condition):
        """Until it holds; `timeout` of the command is the limit."""
        while True:
            self.look()
            if condition():
                return
            time.sleep(0.5)


def read(asked, rollout):
    rollout.look()
    live = rollout.live(asked["slots"])
    other = next(slot for slot in asked["slots"].values() if slot != live)
    share = 0 if rollout.is_done() else rollout.percent() * 100
    return {"schema_version": 1, "weights": {live: 10_000 - share, other: share}}


def shift(asked, rollout):
    rollout.look()
    live = rollout.live(asked["slots"])
    other = next(slot for slot in asked["slots"].values() if slot != live)
    share = asked["weights"][other]
    if share % 100:
        sys.exit("Argo Rollouts takes whole percents only: choose rounder `steps`")
    if share == 0:
        if not rollout.is_done():
            rollout.kubectl("argo", "rollouts", "abort", rollout.name)
            rollout.wait(lambda: rollout.is_done() or rollout.percent() == 0)
        return
    if share == 10_000:
        rollout.kubectl("argo", "rollouts", "promote", rollout.name, "--full")
        rollout.wait(rollout.is_done)
        rollout.kubectl("annotate", "rollout", rollout.name, f"{LIVE}={other}", "--overwrite")
        return
    # A step too many would promote it as a whole.
    if share // 100 not in rollout.shares() or share // 100 < rollout.percent():
        sys.exit(f"the Rollout has no step of {share // 100} % ahead")
    while rollout.percent() * 100 < share:
        before = rollout.percent()
        rollout.kubectl("argo", "rollouts", "promote", rollout.name)
        rollout.wait(lambda: rollout.percent() > before)


def main(word, namespace, name):
    asked, rollout = json.load(sys.stdin), Rollout(namespace, name)
    if word == "read":
        print(json.dumps(read(asked, rollout)))
    else:
        shift(asked, rollout)


main(*sys.argv[1:])
