# `make` alone lists what there is.

SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# rustup's folder: it is on the PATH of a login shell, which make may not have been started from.
export PATH := $(HOME)/.cargo/bin:$(PATH)

TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
TESTKIT := $(TARGET)/debug/switchboard-testkit
OXIDE := $(TARGET)/peers/socketioxide
STEP := scripts/step.sh
ARGS ?=

.PHONY: help
help: ## Show this list
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 24

.PHONY: run
run: ## Run the gateway with its data in ./data; pass options as ARGS="--config FILE"
	@scripts/setup.sh run
	@$(MAKE) web || { echo "no playground page: it could not be built; the gateway runs without it" >&2; mkdir -p web/dist; }
	cargo build --workspace --bin switchboard
	@$(TARGET)/debug/switchboard serve $(ARGS)

# The order is that of a person in a hurry: what fails fast comes first. The page comes before Rust,
# because it is compiled into the binary. Without its double spawn nextest starts each of two thousand tests
# with one process less; that is for Ctrl-Z alone.
.PHONY: test
test: ## Run every check and every test, on servers of their own
	@scripts/setup.sh test
	@$(STEP) "format" cargo fmt --all --check
	@$(STEP) "alerts and dashboards" scripts/rules.sh
	@$(STEP) "web page" $(MAKE) web
	@$(STEP) "lints" $(MAKE) clippy
	@$(STEP) "build" $(MAKE) build-tests
	@$(MAKE) --jobs=2 --output-sync=recurse $(CHECKS)
	@NEXTEST_DOUBLE_SPAWN=0 $(STEP) "tests" $(TESTKIT) run cargo nextest run --workspace
	@$(STEP) "end-to-end tests" $(MAKE) run-e2e
	@printf '\nEverything passed: format, alerts and dashboards, web page, lints, documentation, documentation tests, chart, image and compose, web tests, comparison, tests, end-to-end tests.\n'

# Each keeps one core busy, or hardly that: two run at a time, and each is printed when it is done.
CHECKS := check-documentation check-chart check-deploy check-web check-compare

.PHONY: $(CHECKS)
check-documentation: # one after the other, because cargo does one thing at a time
	@$(STEP) "documentation" $(MAKE) rustdoc
	@$(STEP) "documentation tests" $(MAKE) doctests
check-chart:
	@$(STEP) "chart" scripts/chart.sh
check-deploy:
	@$(STEP) "image and compose" scripts/deploy.sh
check-web:
	@$(STEP) "web tests" npm --prefix web test
check-compare:
	@$(STEP) "comparison" $(MAKE) test-compare

.PHONY: fmt
fmt: ## Format the Rust code
	cargo fmt --all

.PHONY: lint
lint: ## Check format and lints, without running anything
	@scripts/setup.sh test
	@$(STEP) "format" cargo fmt --all --check
	@mkdir -p web/dist
	@$(STEP) "lints" $(MAKE) clippy
	@$(STEP) "documentation" $(MAKE) rustdoc

.PHONY: release
release: ## Build the gateway as it is shipped: target/optimized/switchboard
	@scripts/setup.sh test
	@$(MAKE) web
	@scripts/pgo.sh

.PHONY: web
web: web/dist/index.html ## Build the playground page, which is compiled into the binary

.PHONY: e2e
e2e: ## Run the end-to-end tests: stock clients and a real browser
	@scripts/setup.sh test
	@$(MAKE) web build-tests run-e2e

.PHONY: chaos
chaos: ## Break nodes, Redis and PostgreSQL under traffic, and judge; options as ARGS="--only kill-node --seed 7"
	@scripts/setup.sh test
	@mkdir -p web/dist
	@$(MAKE) build-tests run-chaos

.PHONY: conformance
conformance: ## Run the official protocol suites, fetched from the network; JS=1 compares with JavaScript
	@scripts/conformance.sh $(ARGS)

.PHONY: bench-runtime
bench-runtime: ## Measure the Socket.IO runtime beside its rivals; options as ARGS="--quick"
	@bench/runtime/run.sh $(ARGS)

.PHONY: bench
bench: ## Count the instructions of the hot path and compare them with those kept; ARGS=--update keeps the new ones
	@command -v valgrind >/dev/null || { echo "valgrind is missing: apt-get install valgrind" >&2; exit 1; }
	@scripts/setup.sh test
	@cargo build --release --workspace --example hot_path
	@node bench/instructions/run.mjs --binary $(TARGET)/release/examples/hot_path $(ARGS)

.PHONY: bench-time
bench-time: ## Measure how long the hot path's pieces take (Criterion), beside the last time; options as ARGS="decode"
	@scripts/setup.sh run
	@cargo bench --workspace --bench hot_path -- $(ARGS)

.PHONY: bench-latency
bench-latency: ## Measure what the order of events adds to a bare PUBLISH of Redis
	@scripts/setup.sh test
	@cargo build --workspace --bin switchboard-testkit
	@cargo build --release --workspace --example latency
	@$(TESTKIT) run $(TARGET)/release/examples/latency

.PHONY: load
load: ## Put a measured load on a running server; options as ARGS="loadtest/scenarios/fanout.toml --url … --secret-file …"
	@scripts/setup.sh run
	@cargo build --release --workspace --bin switchboard-load
	@$(TARGET)/release/switchboard-load $(ARGS)

.PHONY: compare
compare: ## Measure the gateway beside Node.js, and write a report; options as ARGS="--quick --only chat --rounds 5 --out DIR"
	@scripts/setup.sh test
	@node loadtest/compare/run.mjs --check $(ARGS)
	@$(MAKE) web build-compare run-compare

.PHONY: growth
growth: ## Measure what more connections, rooms, members, nodes and organizations cost; options as ARGS="--quick --only nodes --out DIR"
	@scripts/setup.sh test
	@node loadtest/growth/run.mjs --check $(ARGS)
	@$(MAKE) web build-growth run-growth

.PHONY: bench-ack
bench-ack: ## Measure the ack of a message beside one bare insert and commit; options as ARGS="--rounds 3 --seconds 10"
	@scripts/setup.sh test
	@$(MAKE) web build-growth run-bench-ack

.PHONY: docs-reference
docs-reference: ## Write the generated parts of docs and web/types anew
	@scripts/setup.sh test
	@mkdir -p docs/reference web/dist
	$(MAKE) build-tests
	$(TARGET)/debug/switchboard config docs > docs/reference/configuration.md
	UPDATE_DOCS=1 cargo nextest run --workspace -E 'test(up_to_date)'
	node web/types/generate.mjs

.PHONY: chart
chart: ## Check the Helm chart with Helm, the schemas of Kubernetes and the gateway; ARGS=--write updates its table
	@scripts/setup.sh test
	@mkdir -p web/dist
	@$(if $(SWITCHBOARD),,cargo build --workspace --bin switchboard)
	@scripts/chart.sh $(ARGS)

.PHONY: rules
rules: ## Check alert rules and dashboards; ARGS=--write writes the dashboards anew
	@scripts/setup.sh test
	@scripts/rules.sh $(ARGS)

.PHONY: deploy-check
deploy-check: ## Check Dockerfile and Compose file
	@scripts/setup.sh test
	@mkdir -p web/dist
	@$(if $(SWITCHBOARD),,cargo build --workspace --bin switchboard)
	@scripts/deploy.sh

.PHONY: deploy-run
deploy-run: e2e/node_modules/.package-lock.json ## Build the image, start deploy/compose, and test both with stock clients; ARGS=--stand-ins without a registry
	@scripts/deploy/run.sh $(ARGS)

.PHONY: clean
clean: ## Remove what was built, but not ./data
	cargo clean
	rm -rf web/dist web/node_modules web/.test e2e/node_modules e2e/artifacts loadtest/peers/node/node_modules loadtest/compare/out loadtest/growth/out

# --- parts of the above

# Each of these has the whole workspace with all its targets: cargo then picks the same features for
# every dependency each time, and compiles each of them once for all steps of a kind.

.PHONY: clippy
clippy:
	@cargo clippy --workspace --all-targets -- -D warnings

.PHONY: rustdoc
rustdoc:
	@RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --quiet

# Quiet unless it fails: it has a dozen lines for each crate without any.
.PHONY: doctests
doctests:
	@output=$$(cargo test --workspace --doc --quiet 2>&1) || { echo "$$output"; exit 1; }

.PHONY: build-tests
build-tests:
	@cargo build --workspace --all-targets

.PHONY: run-e2e
run-e2e: export SWITCHBOARD_BIN := $(TARGET)/debug/switchboard
run-e2e: export CHROMIUM := $(or $(CHROMIUM),$(shell command -v chromium || command -v chromium-browser || command -v google-chrome))
run-e2e: e2e/node_modules/.package-lock.json
	@$(TESTKIT) run --gateway $(SWITCHBOARD_BIN) npm --prefix e2e test

# What is measured is what the image has.
.PHONY: build-optimized
build-optimized:
	@scripts/pgo.sh
	@cargo build --release --workspace --bin switchboard-load

.PHONY: build-compare
build-compare: build-optimized e2e/node_modules/.package-lock.json loadtest/peers/node/node_modules/.package-lock.json
	@cargo build --workspace --bin switchboard-testkit
	@CARGO_TARGET_DIR=$(OXIDE) cargo build --release --manifest-path loadtest/peers/socketioxide/Cargo.toml

.PHONY: run-compare
run-compare: export SWITCHBOARD_BIN := $(TARGET)/optimized/switchboard
run-compare: export SWITCHBOARD_TESTKIT_BIN := $(TESTKIT)
run-compare: export SWITCHBOARD_LOAD_BIN := $(TARGET)/release/switchboard-load
run-compare: export SOCKETIOXIDE_BIN := $(OXIDE)/release/switchboard-load-peer-socketioxide
run-compare:
	@node loadtest/compare/run.mjs $(ARGS)

.PHONY: build-growth
build-growth: build-optimized e2e/node_modules/.package-lock.json
	@cargo build --workspace --bin switchboard-testkit

run-growth run-bench-ack: export SWITCHBOARD_BIN := $(or $(SWITCHBOARD_BIN),$(TARGET)/optimized/switchboard)
run-growth run-bench-ack: export SWITCHBOARD_TESTKIT_BIN := $(or $(SWITCHBOARD_TESTKIT_BIN),$(TESTKIT))
run-growth run-bench-ack: export SWITCHBOARD_LOAD_BIN := $(or $(SWITCHBOARD_LOAD_BIN),$(TARGET)/release/switchboard-load)

.PHONY: run-growth
run-growth:
	@node loadtest/growth/run.mjs $(ARGS)

.PHONY: run-bench-ack
run-bench-ack:
	@node bench/ack/run.mjs $(ARGS)

# Pure, in two seconds: what the comparison and the growth make of their figures.
.PHONY: test-compare
test-compare: e2e/node_modules/.package-lock.json
	@node --test loadtest/compare/test/*.test.mjs loadtest/growth/test/*.test.mjs

.PHONY: run-chaos
run-chaos: export SWITCHBOARD_BIN := $(TARGET)/debug/switchboard
run-chaos: e2e/node_modules/.package-lock.json
	@node e2e/chaos/run.mjs $(ARGS)

# npm writes node_modules/.package-lock.json last, so it says when node_modules was made.
%/node_modules/.package-lock.json: %/package.json %/package-lock.json
	@npm --prefix $* ci --no-audit --no-fund
	@touch $@

WEB_SOURCES := $(shell find web -type f \
	-not -path 'web/node_modules/*' -not -path 'web/dist/*' -not -path 'web/.test/*' -not -path 'web/test/*' -not -name '*.md' 2>/dev/null)

web/dist/index.html: web/node_modules/.package-lock.json $(WEB_SOURCES)
	@npm --prefix web run build
	@touch $@
