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

# Real clients against the embedded exchange (needs Python 3 and PyPI).
clients:
    bash crates/phoenix/tests/clients/run.sh

lint:
    cargo clippy --workspace --all-targets -- -D warnings
    cargo fmt --all --check
