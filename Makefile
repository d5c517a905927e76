# `make help` lists what there is.
.DEFAULT_GOAL := help
.PHONY: help build test chaos deny fuzz bench estimate-report decision-report tools kustomize image-root vllm-accepts demo dev clean postgres-programs postgres-start postgres-stop postgres-shell \
        postgres-load-synthetic postgres-load-real test-real postgres-query-traffic postgres-query-models

TARGET := $(or $(CARGO_TARGET_DIR),target)
COMPASS := $(TARGET)/debug/compass
TESTBED := $(TARGET)/debug/compass-testbed
CARGO := cargo
# As the testbed has it.
CACHE := $(or $(COMPASS_TOOLS_DIR),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/compass/tools)
CARGO_DENY := $(CACHE)/cargo-deny-0.20.2/bin/cargo-deny
CARGO_FUZZ := $(CACHE)/cargo-fuzz-0.13.2/bin/cargo-fuzz

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-26s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build everything, for development
	@$(CARGO) build --workspace

test: tools deny ## Run every check and every test
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) test --workspace
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps

SCENARIO := chaos::
chaos: tools ## Let everything fail while people work, and check what is left: SCENARIO=name for one
	RUST_BACKTRACE=0 $(CARGO) test --package compass --test e2e -- --ignored --test-threads 1 --nocapture $(SCENARIO)

# Also `advisories`, where their database can be had.
DENY := bans licenses sources
deny: $(CARGO_DENY) ## Check licences, bans and sources of dependencies
	@PATH="$(dir $(CARGO_DENY)):$$PATH" $(CARGO) deny --log-level error --all-features check $(DENY)

# What a fuzzer finds worth keeping goes to target/; what broke something, to fuzz/artifacts, and with the
# fix to fuzz/corpus, whose files `make test` tries.
SECONDS := 60
FUZZ_TARGETS := benchmark_file catalog database_url intent snapshot
SEEDS_benchmark_file := tests/fixtures/benchmark_files tests/fixtures/dumps
SEEDS_catalog := data
SEEDS_intent := examples tests/fixtures/bundle
fuzz: $(CARGO_FUZZ) ## Try readers and manifests with any bytes, each for SECONDS=60; takes a nightly toolchain
	@export PATH="$(dir $(CARGO_FUZZ)):$$PATH"; $(foreach target,$(FUZZ_TARGETS),mkdir -p $(TARGET)/fuzz/$(target) && \
		$(CARGO) +nightly fuzz run $(target) $(TARGET)/fuzz/$(target) fuzz/corpus/$(target) $(SEEDS_$(target)) -- \
			-max_total_time=$(SECONDS) -max_len=131072 -timeout=10 -print_final_stats=1 && ) true

# cargo-NAME-VERSION/bin/cargo-NAME
$(CARGO_DENY) $(CARGO_FUZZ): $(CACHE)/%:
	@echo "building $(notdir $@) (once; some minutes)" >&2
	@$(CARGO) install --quiet --locked --root $(CACHE)/$(firstword $(subst /, ,$*)) \
		$(notdir $@)@$(lastword $(subst -, ,$(firstword $(subst /, ,$*))))

bench: tools ## Measure what is claimed: loads, reads and changes, each beside what it is held against
	$(CARGO) bench --package compass --bench load --bench changes --bench decision --bench console --bench scale

# Where the machine has no PostgreSQL server, one is fetched, once.
postgres-programs: build
	@$(TESTBED) postgres programs > /dev/null 2>&1 || \
		$(CARGO) run --package compass-testbed --features fetch-postgresql -- postgres programs > /dev/null

estimate-report: ## Say how wrong estimates are on the shipped data, and write it into docs/estimates.md
	@$(CARGO) run --quiet --package compass --example estimate_report

decision-report: ## Say how firm answers are on the shipped data, and write it into docs/decisions.md
	@$(CARGO) run --quiet --package compass --example decision_report

tools: postgres-programs ## Build the control plane and find or fetch PostgreSQL, once, into a cache outside the clone
	@$(TESTBED) tools

# The same files and commands as the Dockerfile, which no engine runs here.
IMAGE := $(abspath $(TARGET))/image
image-root: postgres-programs ## Build what the image holds, and run it in an empty, read-only root; takes twenty minutes and more
	@rm -rf $(IMAGE)/source && mkdir -p $(IMAGE)/source
	@sed -n 's/^!//p' .dockerignore | tar --create --files-from=- | tar --extract --directory=$(IMAGE)/source
	@cd $(IMAGE)/source && CARGO_TARGET_DIR=$(IMAGE)/target sh image/build.sh $(IMAGE)/root
	@COMPASS_IMAGE_ROOT=$(IMAGE)/root $(CARGO) test --package compass --test image -- --ignored --nocapture --test-threads 1

# Old versions break with newer releases of what they need: VLLM_WITH='transformers<4.54' for 0.9.
VLLM_WITH :=
VLLM := $(CACHE)/vllm-$(VERSION)
VLLM_MANIFESTS := $(abspath $(TARGET))/vllm-$(VERSION)
vllm-accepts: ## Ask a vLLM's own parser whether it takes what is generated for it: VERSION=0.24.0; downloads 4 GB, once
	@test -n "$(VERSION)" || { echo "Which vLLM? make vllm-accepts VERSION=0.24.0" >&2; exit 2; }
	@test -e $(VLLM)/complete || { python3 -m venv --clear $(VLLM) && \
		$(VLLM)/bin/python -m pip install --quiet --no-cache-dir 'vllm==$(VERSION)' $(foreach it,$(VLLM_WITH),'$(it)') && touch $(VLLM)/complete; }
	@rm -rf $(VLLM_MANIFESTS) && mkdir -p $(VLLM_MANIFESTS)
	@COMPASS_VLLM_VERSION=$(VERSION) COMPASS_VLLM_FOLDER=$(VLLM_MANIFESTS) \
		$(CARGO) test --quiet --package compass --lib -- --ignored --exact manifest::tests::rendered_for_a_vllm
	@$(VLLM)/bin/python tests/vllm/accepts.py $(VLLM_MANIFESTS)/*.yaml tests/fixtures/bundle/*.yaml src/manifest/testdata/*.yaml

kustomize: ## Make deploy/kustomize/ of the chart
	@COMPASS_UPDATE_GOLDEN=1 $(CARGO) test --quiet --package compass --test chart -- the_plain_manifests

demo: postgres-programs ## Show Compass at work on a real control plane with simulated GPU nodes, then stop everything
	@$(TESTBED) demo

dev: postgres-programs ## As demo, but stay up until Ctrl-C
	@$(TESTBED) dev

postgres-start: postgres-programs ## Start a PostgreSQL server for development in .compass/, and print its URL
	@$(TESTBED) postgres start

postgres-stop: build ## Stop it; its data stays
	@$(TESTBED) postgres stop

postgres-shell: build ## Open psql on it
	@$(TESTBED) postgres shell

postgres-load-synthetic: postgres-programs ## Load the simulated benchmarks of data/ into it
	@DATABASE_URL=$$($(TESTBED) postgres start) && export DATABASE_URL && $(COMPASS) migrate && $(COMPASS) load --replace data/benchmarks.json.gz

postgres-load-real: ## Load the benchmarks of a dump into it: DUMP=file, made by pg_dump, plain or custom
	@test -n "$(DUMP)" || { echo "Which dump? make postgres-load-real DUMP=<file made by pg_dump>" >&2; exit 2; }
	@$(MAKE) --no-print-directory postgres-programs
	@DATABASE_URL=$$($(TESTBED) postgres start) && export DATABASE_URL && $(COMPASS) migrate && $(COMPASS) load "$(DUMP)"
	@$(MAKE) --no-print-directory postgres-query-traffic

test-real: ## Load a dump into a scratch database, check its counts and ask the nine use cases: DUMP=file
	@test -n "$(DUMP)" || { echo "Which dump? make test-real DUMP=<file made by pg_dump>" >&2; exit 2; }
	@$(MAKE) --no-print-directory postgres-programs
	@DUMP="$(abspath $(DUMP))" $(CARGO) test --quiet --package compass --test knowledge_base -- --ignored --nocapture the_real_dump

postgres-query-traffic: build ## Its benchmarks by traffic profile
	@$(TESTBED) postgres query "SELECT prompt_tokens, output_tokens, count(*) AS benchmarks \
		FROM exported_summaries GROUP BY 1, 2 ORDER BY 1, 2"

postgres-query-models: build ## Its benchmarks by model and hardware
	@$(TESTBED) postgres query "SELECT model_hf_repo AS model, hardware, hardware_count AS gpus, count(*) AS benchmarks \
		FROM exported_summaries GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"

clean: ## Remove what was built here; the cache of tools and the development database stay
	$(CARGO) clean
