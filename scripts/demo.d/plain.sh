# The demo with nothing but Rust and git: folders as stores, a weights file as
# the proxy, invented users as traffic, their counts as metrics.
# shellcheck shell=bash

say "Keys, people and rules"
make_keys
{
  cat <<YAML
version: 1
service: shop
artifacts: { api: file, worker: file }
state: file:.liftlock/state
ledger: file:.liftlock/ledger
evidence: file:.liftlock/evidence
environments:
  production:
    requires: [signature, approval]
    approval: { quorum: 2, people: [alice, bob], expires: 1h }
    place: { command: [demo-deploy, --from, builds, --slots, slots, --slot, "{slot}", --spoil, swap] }
    prove: { files: "slots/{slot}" }
    traffic: { weights-file: { path: weights.json, slots: { stable: blue, canary: green } } }
    steps: [5%, 25%, 50%, 100%]
    bake: 1s
    look: 200ms
    watch: 500ms
    min-requests: 100
    slo: { availability: 99%, alpha: 0.01% }
    metrics: { counts: counts.csv }
YAML
  trust
} >liftlock.yaml
mkdir -p slots/blue slots/green
build 1 0.2%
build 2 0.2%
build 3 30%

say "Version 1, the first: signed, approved by two people, held against its objective"
release 1 builder
approve 1
demo-traffic --weights weights.json --slots slots --counts counts.csv --stop stop \
  --roles roles.json >traffic.json &
traffic=$!
echo '{"stable": "blue", "canary": "green"}' >roles.json
promote_ 1 0
check "version 1 is live" grep -q 'shop-1 is live' <(live)

say "Version 2: 5, 25, 50, 100 %, judged at every step beside version 1"
release 2 builder
approve 2
expect 0 promote plan --release release-2.json --environment production
promote_ 2 0
check "version 2 is live" grep -q 'shop-2 is live' <(live)

say "Version 3 is bad: the canary finds it at 5 % and the traffic goes back by itself"
release 3 builder
approve 3
promote_ 3 10
check "version 2 is live again" grep -q 'shop-2 is live' <(live)
check "it was restored" grep -q '"restored": true' result-3.json
check "the bad version never had more than 5 %" \
  test "$(grep -c '"step": "[0-9]*-shift"' result-3.json)" -eq 1

refusals

say "A person goes back to version 1, and automation is held"
expect 0 rollback list --environment production
expect 0 rollback run --environment production --reason "complaints from support" --key keys/gate.key
check "version 1 is live" grep -q 'shop-1 is live' <(live)
promote_ 4 14
expect 0 rollback lift --environment production --reason "mended"

touch stop
wait "$traffic"
traffic=
echo "users served: $(cat traffic.json)"
history_
