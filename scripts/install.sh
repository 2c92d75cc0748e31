#!/bin/sh
# Prints the folder that holds the binaries of this version, each checked
# against scripts/manifest.txt before anything runs it.
#
#   PATH="$(scripts/install.sh):$PATH"
#
# Looks in this order:
#   LIFTLOCK_BIN_DIR            binaries of your own; nothing else is looked at
#   the tool cache              RUNNER_TOOL_CACHE, XDG_CACHE_HOME or ~/.cache
#   LIFTLOCK_DOWNLOAD_BASE_URL  a mirror of the release files
#   github.com
#
# Only the folder goes to stdout, and only when every binary is good.
set -eu

verbs='sign-artifact canary-check await-approval promote rollback audit-log'
manifest=$(dirname "$0")/manifest.txt
releases=https://github.com/liftlock/liftlock/releases/download

say() {
  printf 'install: %s\n' "$*" >&2
}

fail() {
  say "$@"
  exit 1
}

# A folder is given on as a line of a file: it has to be one line.
print_folder() {
  case $1 in
    *'
'*) fail 'a folder with a line break in its name cannot be used' ;;
  esac
  printf '%s\n' "$1"
}

own_binaries() {
  for verb in $verbs; do
    [ -x "$1/$verb" ] || fail "\`$1/$verb\` is no program; correct \`bin-dir\` (LIFTLOCK_BIN_DIR)"
  done
  folder=$(cd "$1" && pwd)
  print_folder "$folder"
}

target() {
  system=$(uname -s)
  machine=$(uname -m)
  case $machine in
    amd64) machine=x86_64 ;;
    arm64) machine=aarch64 ;;
  esac
  case $system in
    Linux) echo "$machine-unknown-linux-musl" ;;
    Darwin) echo "$machine-apple-darwin" ;;
    *) fail "there are no binaries for $system; build them and set \`bin-dir\` (LIFTLOCK_BIN_DIR)" ;;
  esac
}

# expected VERB: its checksum in the manifest, nothing where there is none.
expected() {
  awk -v name="$1-$target" '$1 !~ /^#/ && $2 == name && length($1) == 64 { print $1; exit }' "$manifest"
}

actual() {
  if command -v sha256sum >/dev/null; then
    sha256sum <"$1" | cut -d ' ' -f 1
  elif command -v shasum >/dev/null; then
    shasum -a 256 <"$1" | cut -d ' ' -f 1
  elif command -v openssl >/dev/null; then
    openssl dgst -sha256 -r <"$1" | cut -d ' ' -f 1
  else
    fail 'none of sha256sum, shasum and openssl is here to check the binaries'
  fi
}

# check FILE VERB
check() {
  want=$(expected "$2")
  [ -n "$want" ] || fail "\`$manifest\` has no checksum of $2-$target"
  found=$(actual "$1")
  [ "$found" = "$want" ] || fail "\`$1\` has checksum $found, expected $want; nothing was installed"
}

check_all() {
  for verb in $verbs; do
    [ -f "$1/$verb" ] || fail "\`$1/$verb\` is missing; delete the folder to install again"
    check "$1/$verb" "$verb"
  done
}

fetch() {
  if command -v curl >/dev/null; then
    curl --fail --silent --show-error --location --retry 5 --retry-connrefused \
      --retry-max-time 120 --connect-timeout 20 --output "$2" "$1" || fail "cannot download \`$1\`"
  elif command -v wget >/dev/null; then
    wget --quiet --tries=5 --timeout=60 --output-document="$2" "$1" || fail "cannot download \`$1\`"
  else
    fail 'neither curl nor wget is here to download the binaries'
  fi
}

# The folder gets its name only when it is whole.
download() {
  base=${LIFTLOCK_DOWNLOAD_BASE_URL:-$releases}
  mkdir -p "$cache"
  draft=$(mktemp -d "$cache/.draft.XXXXXX")
  trap 'rm -rf "$draft"' EXIT
  for verb in $verbs; do
    fetch "${base%/}/v$version/$verb-$target" "$draft/$verb"
    check "$draft/$verb" "$verb"
    chmod 755 "$draft/$verb"
  done
  # Another job may have been quicker; what it left is checked below.
  mv "$draft" "$cache/$target" 2>/dev/null || [ -d "$cache/$target" ] || fail "cannot write \`$cache\`"
}

if [ -n "${LIFTLOCK_BIN_DIR:-}" ]; then
  own_binaries "$LIFTLOCK_BIN_DIR"
  exit 0
fi

[ -f "$manifest" ] || fail "\`$manifest\` is missing, and with it the checksums"
version=$(sed -n 's/^# version //p' "$manifest")
target=$(target)
for verb in $verbs; do
  [ -n "$(expected "$verb")" ] || fail "version $version has no released $verb for $target;" \
    "build the binaries and set \`bin-dir\` (LIFTLOCK_BIN_DIR) to their folder"
done
cache=${RUNNER_TOOL_CACHE:-${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}}
[ -n "$cache" ] || fail 'there is no place for the binaries; set XDG_CACHE_HOME to a folder'
cache=$cache/liftlock/$version
[ -d "$cache/$target" ] || download
check_all "$cache/$target"
print_folder "$cache/$target"
