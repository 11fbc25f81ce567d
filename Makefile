# Tessera: `make` lists the targets. The steps are in scripts/.

.DEFAULT_GOAL := help
export PREFIX DESTDIR SMALL
.PHONY: help run build install uninstall dist dev test check e2e screens bench rehearsal fuzz fmt hook clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Install what is missing, build, and serve at http://127.0.0.1:3000
	@exec scripts/run.sh

build: ## Release build: target/release/tessera and target/site (SMALL=0: with stable switches only)
	@scripts/setup.sh run
	@scripts/build.sh

install: ## Install what `make build` has built (PREFIX=/usr/local, DESTDIR=)
	@scripts/stage.sh target/stage --model
	@exec target/stage/install.sh

uninstall: ## Take it away again; settings and data stay
	@exec deploy/install.sh uninstall

dist: ## A release in target/dist: tarball, SBOM, checksums
	@exec scripts/dist.sh

dev: ## Serve a debug build and rebuild it at every change
	@scripts/setup.sh run
	@. scripts/env.sh && exec cargo-leptos watch --split

test: ## Checks, unit, integration and browser tests (logs: target/test-logs)
	@exec scripts/test.sh

check: ## Formatting, clippy for server and browser, rustdoc, licences of the dependencies
	@exec scripts/test.sh check

e2e: ## Browser tests only
	@exec scripts/test.sh e2e

screens: ## Pictures of every page, and a contact sheet for each: target/screens
	@scripts/setup.sh test
	@exec scripts/screens.sh

bench: ## Benchmarks: results are printed, never asserted
	@scripts/setup.sh bench
	@exec scripts/bench.sh

rehearsal: ## Three servers under load, and all that can go wrong: make rehearsal MINUTES=15
	@scripts/setup.sh test
	@exec scripts/rehearsal.sh $(or $(MINUTES),15)

fuzz: ## Broken input for all that reads what others write: make fuzz MINUTES=10 (for each reader)
	@scripts/setup.sh test
	@exec scripts/fuzz.sh $(or $(MINUTES),10)

fmt: ## Format the sources
	@. scripts/env.sh && cargo fmt --all

hook: ## Let git run fmt and clippy before each commit (scripts/hook.sh remove takes it back)
	@exec scripts/hook.sh install

clean: ## Remove what was built (not the cache of tools)
	@if [ -L target ]; then rm target; else rm -rf target; fi
	@rm -rf end2end/test-results end2end/playwright-report
