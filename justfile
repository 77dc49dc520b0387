# Tasks. `just` lists them.

default:
    @just --list

# Watch it trade for a minute.
demo:
    cargo run --release -- demo --seconds 60

# What the README and CI call.
test:
    cargo test --workspace

# Everything CI checks.
ci:
    bash .ci/run

# Figures, one BENCH line each.
bench:
    cargo bench -p phoenix --bench tick_to_trade
    cargo bench -p phoenix --bench decode
    cargo bench -p phoenix --bench book
    cargo bench -p phoenix --bench step
    cargo bench -p phoenix --bench flight

# What the market maker alone costs on fifteen symbols at the real message rate: run the two in two terminals.
idle-exchange:
    cargo run --release -- exchange --listen 127.0.0.1:18080 --seed 4 --key idle-key-0001 --secret idle-secret-0001 --symbols ETHUSDC,BTCUSDC,SOLUSDC,BNBUSDC,XRPUSDC,DOGEUSDC,ADAUSDC,LINKUSDC,AVAXUSDC,LTCUSDC,BCHUSDC,SUIUSDC,NEARUSDC,UNIUSDC,FILUSDC
idle-cost:
    BINANCE_API_KEY=idle-key-0001 BINANCE_API_SECRET=idle-secret-0001 cargo run --release -- run -c crates/phoenix/tests/fixtures/fifteen_symbols.yaml --rest-url http://127.0.0.1:18080 --ws-url ws://127.0.0.1:18080 --seconds 60 --json

# Real clients against the embedded exchange (needs Python 3 and PyPI).
clients:
    bash crates/phoenix/tests/clients/run.sh

# Ten thousand seeds of ten simulated minutes: about half an hour on two cores.
simulate:
    cargo run --release -- simulate --seeds 10000

# Fuzzes one target, e.g. `just fuzz orders 300` (nightly toolchain and cargo-fuzz needed; what it finds belongs into fuzz/corpus/<target>).
fuzz target seconds="300":
    bash fuzz/run {{target}} {{seconds}}

lint:
    cargo clippy --workspace --all-targets -- -D warnings
    cargo fmt --all --check
