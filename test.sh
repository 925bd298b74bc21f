#!/usr/bin/env bash
# Checks everything: formatting, protos, lints, unit tests, integration tests on SQLite and
# PostgreSQL with a RabbitMQ, clients in Python and Node, and the console in a browser. Needs a Debian machine with cargo and rustc, and root
# or sudo where something is to be installed; what is there already is not touched.
#
# HERDGATE_LONG=1 runs the long versions (200 kills, 100000 property cases and messages).
set -euo pipefail
cd "$(dirname "$0")"

readonly clients="$PWD/target/clients"
# The script on PATH changes the user; this one does not.
readonly rabbitmq_server=/usr/lib/rabbitmq/bin/rabbitmq-server
postgres_folder=""
rabbitmq_folder=""
rabbitmq_names=""
step_name=""
step_started=0

# --- steps and their time ----------------------------------------------------------------------
end_step() {
    if [[ -n "$step_name" ]]; then
        printf -- '--- %s: %d s\n' "$step_name" "$((SECONDS - step_started))"
    fi
    step_name=""
}

step() {
    end_step
    step_name="$1"
    step_started=$SECONDS
    printf -- '\n=== %s\n' "$1"
}

# --- what is missing ---------------------------------------------------------------------------
as_root() {
    if [[ $EUID -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

postgres_binaries() {
    local folder
    for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -Vr); do
        if [[ -x "$folder/postgres" ]]; then
            echo "$folder"
            return
        fi
    done
    if command -v postgres >/dev/null; then dirname "$(command -v postgres)"; fi
}

python_can_make_environments() {
    command -v python3 >/dev/null && python3 -c 'import venv, ensurepip' 2>/dev/null
}

install_packages() {
    local missing=()
    [[ -n "$(postgres_binaries)" ]] || missing+=(postgresql)
    python_can_make_environments || missing+=(python3 python3-venv)
    [[ -x "$rabbitmq_server" ]] || missing+=(rabbitmq-server)
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
    command -v chromium >/dev/null || missing+=(chromium fonts-dejavu-core)
    if [[ ${#missing[@]} -eq 0 ]]; then
        echo "all Debian packages are there"
        return
    fi
    echo "installing ${missing[*]}"
    as_root apt-get update -qq
    # A package must not start a service of its own: the servers of the tests are private ones.
    as_root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

# install_python NAME LIST MODULES: an environment of its own, installed once per version of the list of
# dependencies, which `stamp` remembers.
install_python() {
    local folder="$clients/$1" list="$2" modules="$3"
    if cmp -s "$list" "$folder/stamp" && "$folder/venv/bin/python" -c "import $modules" 2>/dev/null; then
        echo "Python environment $1 is there"
        return
    fi
    rm -rf "$folder"
    mkdir -p "$folder"
    python3 -m venv "$folder/venv"
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$list"
    cp "$list" "$folder/stamp"
}

install_legacy_clients() {
    local list
    for list in tests/clients/legacy/*.txt; do
        install_python "legacy/$(basename "$list" .txt)" "$list" thclient
    done
}

# install_node NAME MODULE: the locked modules of tests/clients/NAME, installed once per version of the lock.
install_node() {
    local folder="$clients/$1" source="tests/clients/$1" module="$2"
    if cmp -s "$source/package-lock.json" "$folder/stamp" && [[ -d "$folder/node_modules/$module" ]]; then
        echo "Node modules of $1 are there"
        return
    fi
    rm -rf "$folder"
    mkdir -p "$folder"
    cp "$source/package.json" "$source/package-lock.json" "$source/.npmrc" "$folder/"
    npm ci --prefix "$folder" --no-progress --loglevel=error
    cp "$source/package-lock.json" "$folder/stamp"
}

# --- a private PostgreSQL ----------------------------------------------------------------------
# PostgreSQL refuses to run as root.
as_postgres() {
    if [[ $EUID -eq 0 ]]; then runuser -u postgres -- "$@"; else "$@"; fi
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start_postgres() {
    local binaries port
    binaries="$(postgres_binaries)"
    port="$(free_port)"
    postgres_folder="$(mktemp -d "${TMPDIR:-/tmp}/herdgate-postgres.XXXXXX")"
    if [[ $EUID -eq 0 ]]; then chown postgres "$postgres_folder"; fi
    cd "$postgres_folder"
    as_postgres "$binaries/initdb" --pgdata="$postgres_folder/data" --username=postgres --auth=trust \
        --encoding=UTF8 --locale=C >"$postgres_folder/initdb.log"
    as_postgres "$binaries/pg_ctl" start --wait --silent --pgdata="$postgres_folder/data" \
        --log="$postgres_folder/server.log" --options="-p $port -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories=$postgres_folder -c fsync=on -c max_connections=300"
    cd "$OLDPWD"
    export HERDGATE_TEST_POSTGRES_URL="postgres://postgres@127.0.0.1:$port/postgres"
    echo "PostgreSQL from $binaries listens on port $port"
}

# --- a private RabbitMQ ------------------------------------------------------------------------
start_rabbitmq() {
    local port waited
    port="$(free_port)"
    rabbitmq_names="$(free_port)"
    rabbitmq_folder="$(mktemp -d "${TMPDIR:-/tmp}/herdgate-rabbitmq.XXXXXX")"
    printf 'default_user = herd\ndefault_pass = herd\nmax_message_size = 33554432\n' >"$rabbitmq_folder/rabbitmq.conf"
    echo '[].' >"$rabbitmq_folder/plugins"
    (
        cd "$rabbitmq_folder"
        export HOME="$rabbitmq_folder" ERL_EPMD_PORT="$rabbitmq_names"
        export RABBITMQ_NODENAME="herdgate$port@localhost" RABBITMQ_NODE_IP_ADDRESS=127.0.0.1
        export RABBITMQ_NODE_PORT="$port" RABBITMQ_DIST_PORT="$(free_port)"
        export RABBITMQ_MNESIA_BASE="$rabbitmq_folder/mnesia" RABBITMQ_LOG_BASE="$rabbitmq_folder/log"
        export RABBITMQ_PID_FILE="$rabbitmq_folder/pid" RABBITMQ_CONF_ENV_FILE=/dev/null
        export RABBITMQ_CONFIG_FILE="$rabbitmq_folder/rabbitmq"
        export RABBITMQ_ENABLED_PLUGINS_FILE="$rabbitmq_folder/plugins"
        exec "$rabbitmq_server" >"$rabbitmq_folder/server.log" 2>&1 </dev/null
    ) &
    for ((waited = 0; waited < 120; waited++)); do
        if grep -q completed "$rabbitmq_folder/server.log" 2>/dev/null; then
            export HERDGATE_TEST_AMQP_URL="amqp://herd:herd@127.0.0.1:$port"
            echo "RabbitMQ listens on port $port"
            return
        fi
        sleep 1
    done
    cat "$rabbitmq_folder/server.log"
    echo "RabbitMQ does not start" >&2
    return 1
}

stop_rabbitmq() {
    if [[ -f "$rabbitmq_folder/pid" ]]; then kill -KILL "$(cat "$rabbitmq_folder/pid")" || true; fi
    ERL_EPMD_RELAXED_COMMAND_CHECK=1 epmd -port "$rabbitmq_names" -kill >/dev/null 2>&1 || true
    rm -rf "$rabbitmq_folder"
}

stop_what_was_started() {
    local status=$?
    trap - EXIT
    if [[ -n "$rabbitmq_folder" ]]; then stop_rabbitmq; fi
    if [[ -n "$postgres_folder" ]]; then
        cd "$postgres_folder"
        as_postgres "$(postgres_binaries)/pg_ctl" stop --silent --mode=immediate \
            --pgdata="$postgres_folder/data" || true
        cd /
        rm -rf "$postgres_folder"
    fi
    exit "$status"
}
trap stop_what_was_started EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- the checks --------------------------------------------------------------------------------
step "install what is missing"
install_packages
install_python python tests/clients/python/requirements.txt grpc_tools
install_python pulse tests/clients/pulse/requirements.txt "kombu, mozillapulse, pika"
install_python openapi tests/clients/openapi/requirements.txt schemathesis
install_legacy_clients
install_node node @grpc/grpc-js
install_node browser playwright-core
export HERDGATE_TEST_PYTHON="$clients/python/venv/bin/python"
export HERDGATE_TEST_LEGACY_CLIENTS="$clients/legacy"
export HERDGATE_TEST_PULSE_PYTHON="$clients/pulse/venv/bin/python"
export HERDGATE_TEST_SCHEMATHESIS="$clients/openapi/venv/bin/schemathesis"
export HERDGATE_TEST_NODE_MODULES="$clients/node/node_modules"
export HERDGATE_TEST_BROWSER_MODULES="$clients/browser/node_modules"
HERDGATE_TEST_BROWSER="$(command -v chromium)"
export HERDGATE_TEST_BROWSER

step "cargo fmt"
cargo fmt --all --check

step "buf lint and format"
(cd proto && "$clients/node/node_modules/.bin/buf" lint && "$clients/node/node_modules/.bin/buf" format --diff --exit-code)

step "cargo deny"
if command -v cargo-deny >/dev/null; then
    cargo deny --all-features check bans licenses sources
    if cargo deny fetch db >/dev/null 2>&1; then
        cargo deny --offline --all-features check advisories
    else
        echo "SKIPPED: advisories, whose database cannot be fetched from here"
    fi
else
    # Building it takes longer than all checks together.
    echo "SKIPPED: cargo-deny is not installed; 'cargo install cargo-deny --locked' does it in some minutes"
fi

step "cargo clippy"
cargo clippy --workspace --all-targets --locked -- -D warnings

step "build"
cargo build --workspace --all-targets --locked

step "start PostgreSQL and RabbitMQ"
start_postgres
start_rabbitmq

step "unit tests and examples in the documentation"
cargo test --workspace --locked --no-fail-fast --lib --bins
cargo test --workspace --locked --no-fail-fast --doc
# No member of the workspace, but changed here.
cargo test --locked --no-fail-fast --lib --package amq-protocol-types

step "integration tests"
cargo test --workspace --locked --no-fail-fast --test '*'
end_step
printf -- '=== all checks passed in %d s\n' "$SECONDS"
