#!/usr/bin/env bash
# Real Binance clients against the embedded exchange, each step asserted by the client script.
#
#   PHOENIX=path/to/phoenix   the binary to test (default: a debug build of this tree)
#   CLIENTS_VENV=directory    a Python environment to reuse (default: a fresh one, removed at the end)
#
# Needs Python 3 with venv, and PyPI. Ends exactly the processes that it started.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../../.." && pwd)
work=$(mktemp -d)
started=()

clean_up() {
    for pid in "${started[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap clean_up EXIT

if [[ -z "${PHOENIX:-}" ]]; then
    (cd "$root" && cargo build --quiet -p phoenix)
    PHOENIX=${CARGO_TARGET_DIR:-$root/target}/debug/phoenix
fi

venv=${CLIENTS_VENV:-$work/venv}
[[ -x "$venv/bin/python" ]] || python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"

# Starts an exchange with these arguments and leaves its address line in $addresses.
start_exchange() {
    local out=$work/exchange-${#started[@]}
    "$PHOENIX" exchange --listen 127.0.0.1:0 --symbols ETHUSDC,BTCUSDC --seed 5 "$@" >"$out.json" 2>"$out.log" &
    local pid=$!
    started+=("$pid")
    for _ in $(seq 200); do
        addresses=$(head -n 1 "$out.json")
        [[ -n "$addresses" ]] && return
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    echo "the exchange did not start:" >&2
    cat "$out.log" >&2
    return 1
}

start_exchange --key hmac-key --secret hmac-secret --account second-key:second-secret
echo "== ccxt, HMAC =="
"$venv/bin/python" "$here/ccxt_client.py" "$addresses" hmac-key hmac-secret
echo "== official SDK, HMAC =="
"$venv/bin/python" "$here/official_sdk.py" "$addresses" second-key second-secret

"$venv/bin/python" - "$work" <<'PYTHON'
import pathlib
import sys

from Crypto.PublicKey import ECC

directory = pathlib.Path(sys.argv[1])
key = ECC.generate(curve="ed25519")
(directory / "private.pem").write_text(key.export_key(format="PEM"))
(directory / "public.pem").write_text(key.public_key().export_key(format="PEM") + "\n")
PYTHON
start_exchange --key ed25519-key --ed25519 "$work/public.pem"
echo "== official SDK, Ed25519 =="
"$venv/bin/python" "$here/official_sdk.py" "$addresses" ed25519-key "$work/private.pem"
echo "all clients passed"
