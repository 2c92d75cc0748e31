# The demo on real parts: images in a docker-registry, requests split by HAProxy,
# two services under load, counted by Prometheus; state on a git ref.
# shellcheck shell=bash disable=SC2154

# shellcheck source=scripts/demo.d/servers.sh
. "$root/scripts/demo.d/servers.sh"
need docker-registry haproxy prometheus crane git

say "Starting a registry, two services, HAProxy and Prometheus on loopback"
start_registry
start_apps
start_haproxy
start_prometheus
git init --quiet --bare state.git

say "Keys, people and rules"
make_keys
{
  cat <<YAML
version: 1
service: shop
artifacts: { api: registry, worker: file }
state: git+file://$PWD/state.git#refs/liftlock/state
ledger: file:.liftlock/ledger
evidence: file:.liftlock/evidence
environments:
  production:
    requires: [signature, approval]
    approval: { quorum: 2, people: [alice, bob], expires: 1h }
    place:
      command: [demo-deploy, --from, builds, --slots, slots, --slot, "{slot}", --spoil, swap,
                --reload, "http://127.0.0.1:$admin/{slot}/-/reload"]
    prove: { http: "http://127.0.0.1:$admin/{slot}/version", json: /digests }
    traffic: { haproxy: { socket: $PWD/haproxy.sock, backend: shop, slots: { stable: blue, canary: green } } }
    targets:
      - { registry: { image: $registry/shop/api, tag: production }, artifact: api }
    steps: [5%, 25%, 50%, 100%]
    bake: 6s
    look: 1s
    watch: 3s
    min-requests: 100
    slo: { availability: 99%, alpha: 0.01% }
    metrics:
      prometheus:
        url: http://127.0.0.1:$prometheus
        total: http_requests_total{slot="{slot}"}
        bad: http_requests_total{slot="{slot}",code=~"5.."}
        interval: 2s
YAML
  trust
} >liftlock.yaml
# publish VERSION: the api becomes an image; its manifest is what the slot serves.
publish() {
  tar -cf "builds/$1/layer.tar" -C "builds/$1" api
  crane append --oci-empty-base -f "builds/$1/layer.tar" -t "$registry/shop/api:$1" >/dev/null 2>&1
  crane manifest "$registry/shop/api:$1" >"builds/$1/api"
  test "sha256:$(sha256sum "builds/$1/api" | cut -d ' ' -f 1)" = "$(crane digest "$registry/shop/api:$1")"
}

# The release names the image, which is an artifact by its digest.
api() { echo "$registry/shop/api:$1"; }

# under_load VERSION CODE: promotes while users ask, and tells who was served what.
under_load() {
  rm -f stop
  demo-load --url "http://127.0.0.1:$front/" --rate 400 --stop stop >"served-$1.json" &
  load=$!
  promote_ "$1" "$2"
  touch stop
  wait "$load"
  echo "requests served by version and status: $(cat "served-$1.json")"
}

# bad_of VERSION: how many of its answers were 500.
bad_of() {
  sed -n "s/.*\"$1\":{[^}]*\"500\":\([0-9]*\).*/\1/p" "served-$1.json"
}

# Of 100 requests at 30 % fewer than 9 fail once in 10^7 runs, and a good version
# is taken for a bad one in at most one of 10,000: whoever runs this sees one end.
build 1 0.2%
build 2 0.2%
build 3 30%
build 4 0.2%
for version in 1 2 3 4; do publish "$version"; done

say "Version 1, the first: an image and a file, signed, approved, held against its objective"
release 1 builder
approve 1
under_load 1 0
check "version 1 is live" grep -q 'shop-1 is live' <(live)

say "Version 2: 5, 25, 50, 100 % by HAProxy, judged at every step from Prometheus"
release 2 builder
approve 2
under_load 2 0
check "version 2 is live" grep -q 'shop-2 is live' <(live)
check "the tag points at it" \
  test "$(crane digest "$registry/shop/api:production")" = "$(crane digest "$registry/shop/api:2")"

say "Version 3 is bad: found at 5 %, and back by itself"
release 3 builder
approve 3
under_load 3 10
check "version 2 is live again" grep -q 'shop-2 is live' <(live)
check "it was restored" grep -q '"restored": true' result-3.json
check "the bad version never had more than 5 %" \
  test "$(grep -c '"step": "[0-9]*-shift"' result-3.json)" -eq 1
echo "bad requests served by version 3 before the way back: $(bad_of 3)"

refusals

say "A person goes back to version 1, and automation is held"
expect 0 rollback run --environment production --reason "complaints from support" --key keys/gate.key
check "version 1 is live" grep -q 'shop-1 is live' <(live)
check "the tag points at it" \
  test "$(crane digest "$registry/shop/api:production")" = "$(crane digest "$registry/shop/api:1")"
promote_ 4 14
expect 0 rollback lift --environment production --reason "mended"
history_
