# Shared by both demos: telling, expecting, keys, people, builds, approvals.
# shellcheck shell=bash disable=SC2154

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

# Stops what was started and removes the folder, whatever happened.
finish() {
  [ -n "${traffic:-}" ] && kill "$traffic" 2>/dev/null
  for pid in ${servers:-}; do kill "$pid" 2>/dev/null; done
  cd /
  if [ "$1" -eq 0 ]; then rm -rf "$work"; else echo "demo failed; its folder is $work" >&2; fi
}

# expect CODE COMMAND…: runs it and insists on the exit code.
expect() {
  wanted=$1
  shift
  printf '\033[2m$ %s\033[0m\n' "$*"
  code=0
  "$@" || code=$?
  if [ "$code" -ne "$wanted" ]; then
    echo "expected exit $wanted, got $code" >&2
    exit 1
  fi
}

# One key for each role: nobody may make two links of the chain.
make_keys() {
  mkdir -p keys
  COSIGN_PASSWORD=demo
  export COSIGN_PASSWORD
  for name in builder gate judge alice bob mallory; do
    sign-artifact generate-key-pair --output-key-prefix "keys/$name" >/dev/null
  done
}

trust() {
  cat <<YAML
trust:
  - { name: ci-builder, roles: [builder], keys: [{ key-file: keys/builder.pub }] }
  - { name: ci-gates, roles: [canary, promotion], keys: [{ key-file: keys/gate.pub }] }
  - { name: ci-judge, roles: [judge], keys: [{ key-file: keys/judge.pub }] }
people:
  alice: { emails: [alice@example.org], keys: [{ key-file: keys/alice.pub }] }
  bob: { emails: [bob@example.org], keys: [{ key-file: keys/bob.pub }] }
YAML
}

# build VERSION ERROR-RATE: two artifacts, as a compiler would leave them.
build() {
  mkdir -p "builds/$1"
  echo "the api of version $1" >"builds/$1/api"
  echo "the worker of version $1" >"builds/$1/worker"
  echo "$2" >"builds/$1/error-rate"
  echo "$1" >"builds/$1/version"
}

# sign_ VERSION: the builder signs what it built; nothing else is released.
sign_() {
  expect 0 sign-artifact sign --key keys/builder.key "$(api "$1")" "builds/$1/worker"
}

# api VERSION: where the artifact is; the demo with a registry says an image.
api() { echo "builds/$1/api"; }

# release VERSION KEY: signs release.json over both artifacts.
release() {
  sign_ "$1"
  attest 0 "$1" "$2"
}

# attest CODE VERSION KEY FLAG…: release.json alone, with more flags.
attest() {
  local code=$1 version=$2 key=$3
  shift 3
  expect "$code" sign-artifact release --key "keys/$key.key" --version "$version" \
    --owner team-shop --author carol@example.org --artifact "api=$(api "$version")" \
    --artifact "worker=builds/$version/worker" --output "release-$version.json" \
    --evidence file:.liftlock/evidence "$@"
}

# approve VERSION: a request, two people's signed answers, the judge's count.
approve() {
  expect 13 await-approval request --release "release-$1.json" --environment production \
    --output "request-$1.json"
  for person in alice bob; do
    expect 0 await-approval answer --request "request-$1.json" --person "$person" \
      --key "keys/$person.key" --yes
  done
  expect 0 await-approval judge --request "request-$1.json" --key keys/judge.key
}

# promote_ VERSION CODE: with the outcome signed and kept in a file.
promote_() {
  expect "$2" promote run --release "release-$1.json" --environment production \
    --key keys/gate.key --result-file "result-$1.json"
}

live() { promote status --environment production | head -n 1; }

# check WHAT COMMAND…: a promise that has to hold.
check() {
  what=$1
  shift
  if "$@"; then echo "ok: $what"; else echo "broken: $what" >&2; exit 1; fi
}

refusals() {
  say "A release that was never signed by the builder is not made here, and does not move"
  if [ ! -d builds/4 ]; then build 4 0.2%; fi
  sign_ 4
  attest 4 4 mallory
  attest 0 4 mallory --no-config --service shop --signed-by keys/builder.pub
  promote_ 4 10

  say "A release that nobody approved does not move"
  release 4 builder
  promote_ 4 10

  say "A slot that serves something else than was approved gets no request"
  approve 4
  touch swap
  promote_ 4 10
  rm swap
  check "version 2 is still live" grep -q 'shop-2 is live' <(live)
}

history_() {
  say "The history of the bad release"
  expect 0 audit-log report --release shop-3

  say "A forged copy of the ledger is found out"
  expect 0 audit-log verify
  cp -R .liftlock/ledger forged
  forged=$(grep -l '"verdict":"fail"' forged/entries/*.json | head -n 1)
  sed -i 's/"verdict":"fail"/"verdict":"pass"/' "$forged"
  expect 10 audit-log verify --ledger file:forged
}
