# Thin by intent: each target is one command that a person could type.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Outside the checkout, so that a fresh clone is not a cold build.
TARGET_DIR := $(or $(CARGO_TARGET_DIR),$(HOME)/.cache/iron-cage/target)
export CARGO_TARGET_DIR := $(TARGET_DIR)
BINARY := target/release/iron
# Without mold the default linker serves: an empty RUSTFLAGS overrides .cargo/config.toml.
CARGO = $(shell command -v mold >/dev/null || echo RUSTFLAGS=) cargo
VENV := $(or $(IRON_TEST_VENV),e2e/.venv)
# One environment for each framework: they do not agree about what they stand on.
VENVS := $(or $(IRON_PYTHON_VENVS),$(HOME)/.cache/iron-cage/python)

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: up
up: build ## Build, start the server on an embedded database, make one governed call
	@$(BINARY) up --detach

.PHONY: down
down: ## Stop the server that `make up` started
	@$(BINARY) down

.PHONY: build
build: ## Build the binary into target/release/iron
	@.ci/setup build
	$(CARGO) build --locked --package iron-app
	@install -D -m 0755 $(TARGET_DIR)/debug/iron $(BINARY)

.PHONY: test
test: ## Everything that must hold: format, lints, tests on both databases, real clients
	@.ci/setup test
	@.ci/with-postgres $(MAKE) --no-print-directory check

.PHONY: check
check: fmt-check lint unit doc clients package

.PHONY: unit
unit:
	$(CARGO) $$(command -v cargo-nextest >/dev/null && echo 'nextest run $(if $(CI),--profile ci)' || echo test) --locked --workspace --all-targets

.PHONY: doc
doc:
	$(CARGO) test --locked --workspace --doc --quiet

.PHONY: e2e
e2e: build ## The real binary, driven by the official SDKs
	$(CARGO) build --locked --package iron-testkit --bin fake-upstream
	@$(MAKE) --no-print-directory clients

# With the binaries that are there: after `unit` they are, built with everything else.
.PHONY: clients
clients:
	@.ci/setup python $(VENV)
	IRON_BINARY=$(abspath $(TARGET_DIR))/debug/iron IRON_FAKE_UPSTREAM=$(abspath $(TARGET_DIR))/debug/fake-upstream \
		$(VENV)/bin/python -m pytest e2e -q

.PHONY: python
python: ## Build the wheel of the Python package into target/wheels
	@.ci/setup python $(VENVS)/core python/requirements/core.txt
	@rm -f target/wheels/iron_cage-*.whl
	cd python && $(abspath $(VENVS))/core/bin/maturin build --profile dev --out ../target/wheels

# The package with its types, LangChain and CrewAI, against the binaries that are there.
.PHONY: package
package: python
	@.ci/python-package $(abspath $(VENVS)) core langchain crewai

.PHONY: examples
examples: build python ## Run the agents in examples/, offline, with the simulated provider
	@$(VENVS)/core/bin/pip install --quiet --disable-pip-version-check --force-reinstall --no-deps target/wheels/iron_cage-*.whl
	@for example in support lead_generation data_analysis; do $(VENVS)/core/bin/python examples/$$example.py; done

.PHONY: python-bench
python-bench: build python ## How fast tools are decided from one Python process
	@$(VENVS)/core/bin/pip install --quiet --disable-pip-version-check --force-reinstall --no-deps target/wheels/iron_cage-*.whl
	$(VENVS)/core/bin/python python/benches/speed.py

.PHONY: soak
soak: python ## Whether the memory of a Python process stays flat, SOAK_CALLS calls (default ten million)
	@$(VENVS)/core/bin/pip install --quiet --disable-pip-version-check --force-reinstall --no-deps target/wheels/iron_cage-*.whl
	$(VENVS)/core/bin/python python/benches/speed.py soak $(or $(SOAK_CALLS),10000000)

.PHONY: frameworks
frameworks: build python ## The Python package with every framework that it has an adapter for
	@.ci/python-package $(abspath $(VENVS)) $(notdir $(basename $(wildcard python/requirements/*.txt)))

.PHONY: schema
schema: build ## Try the API against its document at length, SCHEMA_EXAMPLES for each operation (default 50)
	@.ci/setup python $(VENV)
	IRON_BINARY=$(abspath $(TARGET_DIR))/debug/iron IRON_FAKE_UPSTREAM=$(abspath $(TARGET_DIR))/debug/fake-upstream \
		IRON_SCHEMA_EXAMPLES=$(or $(SCHEMA_EXAMPLES),50) $(VENV)/bin/python -m pytest e2e/test_schema.py -q

.PHONY: bench
bench: build ## Compare with the direct path and with a bare proxy
	$(CARGO) build --locked --package iron-testkit --example bench
	$(TARGET_DIR)/debug/examples/bench --iron $(BINARY)
	$(TARGET_DIR)/debug/examples/bench --iron $(BINARY) --instructions
	@.ci/with-postgres sh -c '$(TARGET_DIR)/debug/examples/bench --iron $(BINARY) --instances "$$IRON_TEST_POSTGRES_URL"'

.PHONY: guard-eval
guard-eval: ## Recall and false positives of the guardrails on the data in folder DATA
	$(CARGO) run --locked --package iron-trainer --bin guard-eval -- $(or $(DATA),$(error name the folder of the data: make guard-eval DATA=...))

.PHONY: guard-baseline
guard-baseline: ## How Presidio does on texts with names and addresses: DATA as above, PYTHON with presidio-analyzer
	$(CARGO) run --locked --package iron-trainer --bin eval-texts -- $(or $(DATA),$(error name the folder of the data: make guard-baseline DATA=...)) \
		| $(or $(PYTHON),python3) crates/trainer/data/presidio.py

.PHONY: proof
proof: ## Every proof about money: the model in its large form, random lives, the real binary
	@.ci/setup test
	@.ci/with-postgres .ci/proof

.PHONY: deny
deny: ## Licences, sources, banned and doubled libraries (needs cargo-deny)
	@command -v cargo-deny >/dev/null || { echo 'install it with: cargo install cargo-deny --locked' >&2; exit 1; }
	cargo deny check bans licenses sources

.PHONY: fuzz
fuzz: ## Throw random bytes at every parser, FUZZ_SECONDS each (default 60)
	@.ci/fuzz $(or $(FUZZ_SECONDS),60)

.PHONY: coverage
coverage: ## Line coverage of the tests (needs cargo-tarpaulin)
	.ci/with-postgres $(CARGO) tarpaulin --locked --workspace --out Html

.PHONY: fmt
fmt: ## Format all code
	cargo fmt --all

.PHONY: fmt-check
fmt-check:
	cargo fmt --all --check

.PHONY: lint
lint: ## Clippy with every warning an error
	$(CARGO) clippy --locked --workspace --all-targets -- --deny warnings
