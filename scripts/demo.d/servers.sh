# Starts real counterparts on loopback, on free ports, and waits until each answers.
# shellcheck shell=bash disable=SC2154

servers=

# Where scripts/peers puts what no package of the system has.
PATH="${LIFTLOCK_PEERS_DIR:-$root/.peers}/bin:$PATH"

need() {
  for program in "$@"; do
    command -v "$program" >/dev/null || {
      echo "$program is not installed: run scripts/peers" >&2
      exit 1
    }
  done
}

taken=" "
# free: a port that nobody listens on, and that was not given out before; in $port.
free() {
  while :; do
    port=$((20000 + RANDOM % 20000))
    case "$taken" in *" $port "*) continue ;; esac
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  taken="$taken$port "
}

# start NAME COMMAND…: in the background, its words in NAME.log.
start() {
  log=$1.log
  shift
  "$@" >"$log" 2>&1 &
  servers="$servers $!"
}

# answers PORT PATH: whether an HTTP server says 200 there.
answers() {
  (
    exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
    printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$2" >&3
    IFS= read -r -t 5 line <&3
    case "$line" in *" 200 "*) exit 0 ;; *) exit 1 ;; esac
  ) 2>/dev/null
}

# ready PORT PATH: waits for that answer, at most half a minute.
ready() {
  for _ in $(seq 300); do
    if answers "$1" "$2"; then return 0; fi
    sleep 0.1
  done
  echo "nothing answers on port $1" >&2
  exit 1
}

start_registry() {
  free
  registry=127.0.0.1:$port
  cat >registry.yml <<YAML
version: 0.1
log: { level: warn }
storage: { filesystem: { rootdirectory: $PWD/registry } }
http: { addr: $registry, secret: demo }
YAML
  start registry docker-registry serve registry.yml
  ready "$port" /v2/
}

start_apps() {
  mkdir -p slots/blue slots/green
  for slot in blue green; do
    free
    start "$slot" demo-app --listen "127.0.0.1:$port" --slot "slots/$slot" --seed "$port"
    eval "$slot=\$port"
    ready "$port" /version
  done
}

start_haproxy() {
  free
  front=$port
  free
  admin=$port
  # shellcheck disable=SC2154
  cat >haproxy.cfg <<CFG
global
  stats socket $PWD/haproxy.sock mode 600 level admin
defaults
  mode http
  timeout connect 1s
  timeout client 10s
  timeout server 10s
frontend users
  bind 127.0.0.1:$front
  default_backend shop
backend shop
  balance roundrobin
  server blue 127.0.0.1:$blue weight 1
  server green 127.0.0.1:$green weight 0
frontend admin
  bind 127.0.0.1:$admin
  use_backend blue if { path_beg /blue/ }
  use_backend green if { path_beg /green/ }
backend blue
  http-request replace-path /blue/(.*) /\1
  server blue 127.0.0.1:$blue
backend green
  http-request replace-path /green/(.*) /\1
  server green 127.0.0.1:$green
CFG
  start haproxy haproxy -f haproxy.cfg -db
  ready "$admin" /blue/version
}

start_prometheus() {
  free
  prometheus=$port
  cat >prometheus.yml <<YAML
global: { scrape_interval: 1s }
scrape_configs:
  - job_name: shop
    static_configs:
      - { targets: ['127.0.0.1:$blue'], labels: { slot: blue } }
      - { targets: ['127.0.0.1:$green'], labels: { slot: green } }
YAML
  start prometheus prometheus --config.file=prometheus.yml --storage.tsdb.path=tsdb \
    --web.listen-address="127.0.0.1:$prometheus"
  ready "$prometheus" /-/ready
}
