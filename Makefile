# `make run` and `make test` are the two commands of the README. Each sets up what it needs on a Debian or Ubuntu that has
# Rust (rustup) and make, says first what that will take, and asks before it uses sudo (never when CI=true).
#
# CARGO_TARGET_DIR is honoured. Whatever it is, `make build` leaves ./target/release/cepmon and ./target/plugins/.

override CARGO_TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))
export CARGO_TARGET_DIR

# A fresh checkout must build from the lock file as it stands; while one works on a Cargo.toml, cargo may bring it up to date.
LOCKED := $(if $(filter true,$(CI)),--locked)

# cepmon-features names every third-party dependency, so that each command below asks cargo for the same features: without it
# arrow and DataFusion are built once more for each set of packages.
HOST := -p cepmon -p cepmon-features

PLUGINS := $(patsubst %/plugin.toml,%,$(wildcard plugins/*/plugin.toml))
GUESTS := $(patsubst %/plugin.toml,%,$(wildcard tests/guests/*/plugin.toml tests/guests/*/*/plugin.toml))

# Plugins compile to wasm; their own tests run natively, in a target directory that they share with the SDK's.
NATIVE := --target-dir "$(CARGO_TARGET_DIR)/native"

.PHONY: help build run test lint bench
.NOTPARALLEL:

help:
	@echo 'make run    build cepmon and start it on http://127.0.0.1:9090 (ARGS="…" is passed on to cepmon serve)'
	@echo 'make test   check formatting, lints and documentation, and run every test'
	@echo 'make build  leave ./target/release/cepmon and ./target/plugins/'
	@echo 'make bench  measure what the sandbox and storage cost'
	@echo 'make lint   formatting, lints and documentation only'

build:
	@.ci/estimate build
	@.ci/setup build
	cargo build $(LOCKED) --release $(HOST)
	@cmp -s "$(CARGO_TARGET_DIR)/release/cepmon" target/release/cepmon || \
		install -D -m 755 "$(CARGO_TARGET_DIR)/release/cepmon" target/release/cepmon
	.ci/plugins target/release/cepmon target/plugins $(PLUGINS)
	target/release/cepmon plugin bundle target/plugins

run: build
	exec target/release/cepmon serve $(ARGS)

# The cheapest check comes first, the one whose closing line counts the tests last.
test:
	@.ci/estimate test
	@.ci/setup test
	@$(MAKE) --no-print-directory lint
	cargo build $(LOCKED) --workspace --bins
	.ci/plugins "$(CARGO_TARGET_DIR)/debug/cepmon" "$(CARGO_TARGET_DIR)/debug/plugins" $(PLUGINS)
	"$(CARGO_TARGET_DIR)/debug/cepmon" plugin bundle "$(CARGO_TARGET_DIR)/debug/plugins"
	.ci/plugins "$(CARGO_TARGET_DIR)/debug/cepmon" "$(CARGO_TARGET_DIR)/debug/guests" $(GUESTS)
	cargo test $(LOCKED) --manifest-path sdk/Cargo.toml $(NATIVE) --workspace
	cargo test $(LOCKED) --manifest-path plugins/Cargo.toml $(NATIVE) --workspace
	cargo test $(LOCKED) --workspace --doc
	@if cargo nextest --version >/dev/null 2>&1; then \
		set -x; cargo nextest run $(LOCKED) --workspace --lib --bins --tests; \
	else \
		echo 'cargo-nextest is not installed, so cargo test runs the tests, one crate after the other'; \
		set -x; cargo test $(LOCKED) --workspace --lib --bins --tests --no-fail-fast; \
	fi

# Figures, no assertions; compare them within one run only.
bench: build
	.ci/plugins target/release/cepmon "$(CARGO_TARGET_DIR)/guests" $(GUESTS)
	cargo bench $(LOCKED) -p cepmon-bench -p cepmon-features

lint:
	@.ci/setup lint
	cargo fmt --all --check
	cargo fmt --manifest-path sdk/Cargo.toml --all --check
	cargo fmt --manifest-path plugins/Cargo.toml --all --check
	cargo clippy $(LOCKED) --workspace --all-targets -- -D warnings
	cargo clippy $(LOCKED) --manifest-path sdk/Cargo.toml $(NATIVE) --workspace --all-targets -- -D warnings
	cargo clippy $(LOCKED) --manifest-path plugins/Cargo.toml $(NATIVE) --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc $(LOCKED) --workspace --no-deps
	@if cargo deny --version >/dev/null 2>&1; then set -x; cargo deny check bans licenses sources; fi
