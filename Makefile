GO      ?= go
TIMEOUT ?= 15m
# How long each fuzz target runs: a duration, or a count such as 20000x.
FUZZTIME ?= 60s
# How many seeds each random run has in a soak, and which tests these are.
SEEDS ?= 500
RANDOM_RUNS = WholeAgent|FlakyStore
# Arguments of the demo: make demo ARGS="--help".
ARGS ?=

GOFMT  = $(shell $(GO) env GOROOT)/bin/gofmt
# The modules below the root one. Each replaces the root module with this tree.
NESTED = $(sort $(patsubst ./%/go.mod,%,$(shell find . -mindepth 2 -name go.mod -not -path '*/.*' -not -path '*/testdata/*')))

# -race, or nothing where it cannot work.
RACE = $(shell test "$$($(GO) env CGO_ENABLED)" = 1 && \
	printf '\043include <stdlib.h>\n' | $$($(GO) env CC) -fsyntax-only -x c - 2>/dev/null && echo -race)

# The engine's own tests once more, on each durable store: in virtual time, with
# events read from the store itself. They are the same races as on inmem, so
# without the detector, and mostly wait for a server, so two at a time. A * becomes a
# name of each test's own.
ENGINE = printf "%s\n" "$$PAWL_TEST_POSTGRES&schema=*&events=own" sqlite: "$$PAWL_TEST_REDIS?prefix=*&events=own" polled | \
	xargs -P 2 -I {} sh -c "echo \"== test . on \$${1%%:*}\"; PAWL_TEST_STORE=\"\$$1\" $(GO) test -timeout $(TIMEOUT) ." sh {}

.NOTPARALLEL:
.PHONY: help check test services fuzz soak campaign campaign-loops campaign-ledger fsync bench bench-chain bench-peers demo fmt cover format vet staticcheck tidy race-ready

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# A count, because a duration can end in the middle of a call, which Go 1.26
# reports as a failure. The tests come last, so that their summary ends the output.
check: FUZZTIME = 10000x
check: race-ready format vet staticcheck tidy fuzz test ## all that CI runs: format, vet, staticcheck, tidy, some fuzzing, tests

test: race-ready bin/services ## every test, with the race detector where there is a C compiler
	@bin/services run -- sh -ec 'for dir; do \
		echo "== test $$dir"; (cd "$$dir" && $(GO) test $(RACE) -timeout $(TIMEOUT) ./...); \
	done; $(ENGINE); echo "== test ."; $(GO) test $(RACE) -timeout $(TIMEOUT) ./...' sh $(NESTED)

services: bin/services ## private PostgreSQL, PgBouncer, Redis and Cluster until interrupted, for go test by hand
	@bin/services run

# A package's tests are built once for all its targets; what they find interesting is
# kept where go test keeps it.
fuzz: ## each fuzz target for FUZZTIME (60s)
	@set -e; bin="$(CURDIR)/bin/fuzz.test"; found=$$($(GO) env GOCACHE)/fuzz; \
	for dir in $$(grep -rl '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u); do (cd "$$dir"; \
		pkg=$$($(GO) list .); $(GO) test -c -fuzz Fuzz -o "$$bin" .; \
		for target in $$("$$bin" -test.list '^Fuzz'); do \
			echo "== fuzz $$pkg $$target"; \
			"$$bin" -test.run '^$$' -test.fuzz "^$$target\$$" -test.fuzztime $(FUZZTIME) -test.fuzzminimizetime 1000x \
				-test.fuzzcachedir "$$found/$$pkg" </dev/null; \
		done); \
	done

soak: ## the random runs in virtual time, SEEDS of each (500)
	PAWL_SEEDS=$(SEEDS) $(GO) test -v -run '$(RANDOM_RUNS)' -timeout 0 .

# The order is that of docs/reliability.md. The small disk takes root.
campaign: bin/campaign campaign-loops campaign-ledger ## real processes and kill -9: workers, servers, agent loops, the ledger, a full disk, fsync; about half an hour
	@set -ex; \
	for store in sqlite postgres redis cluster; do bin/campaign -store $$store -kills 25; done; \
	for store in postgres redis cluster; do bin/campaign -store $$store -kills 5 -server-kills 5; done; \
	bin/campaign -store redis -appendfsync everysec -kills 5 -server-kills 5; \
	for store in sqlite postgres redis; do bin/campaign full -store $$store; done; \
	bin/campaign full -store redis -appendfsync always; \
	bin/campaign fsync

campaign-loops: bin/campaign bin/sdkloop ## agent loops of 200 calls that are killed, of each kind on each store; about 6 minutes
	@set -e; for kind in ask step sdk; do \
		bin/campaign loops -kind $$kind -store sqlite -kills 100; \
		for store in postgres redis; do bin/campaign loops -kind $$kind -store $$store -kills 20 -each 5; done; \
	done

campaign-ledger: bin/campaign ## the ledger against the provider's own, call for call, while workers are killed; about 9 minutes
	@set -e; for store in sqlite postgres redis; do bin/campaign ledger -store $$store -kills 25; done

fsync: bin/campaign ## each acknowledged SQLite write is synced before it is acknowledged, as strace sees it
	bin/campaign fsync

bin/campaign: FORCE
	@$(GO) build -o $@ ./internal/campaign

# An agent written with a provider's own SDK is in the module that has the SDK.
bin/sdkloop: FORCE
	@cd internal/sdktest && $(GO) build -o ../../$@ ./loop

bench: ## every benchmark, then the programs under internal/bench
	$(GO) test -run '^$$' -bench . -benchmem -timeout 0 ./...
	@set -e; test -d internal/bench || exit 0; \
	for program in $$($(GO) list -f '{{if eq .Name "main"}}{{.ImportPath}}{{end}}' ./internal/bench/...); do \
		echo "== $$program"; $(GO) run "$$program"; \
	done

bench-chain: ## 1,000 requests of five calls, 1 % of which fail, by plain calls, by a queue in memory and by Pawl; about a minute
	$(GO) run ./internal/bench/chain $(ARGS)

bench-peers: ## Pawl beside its peers on each store; ARGS="-tasks 20000 -rounds 1" for a short run
	@set -e; for store in sqlite postgres redis; do (cd bench && $(GO) run . -store $$store $(ARGS)); done

demo: ## run the demo on the simulated provider; needs no key and no server
	$(GO) run ./cmd/pawl demo $(ARGS)

fmt: ## format every Go file
	$(GOFMT) -w .

cover: bin/services ## test coverage: each function, then the total
	bin/services run -- $(GO) test -timeout $(TIMEOUT) -coverpkg=./... -coverprofile=cover.out ./...
	$(GO) tool cover -func=cover.out

# Starts the servers that tests need, and installs those that are missing.
bin/services: FORCE
	@$(GO) build -o $@ ./internal/services/cmd/services

FORCE:

# The parts of check.

format:
	@echo "== format"; files=$$($(GOFMT) -l .) || exit 1; \
	if [ -n "$$files" ]; then echo "not formatted; run make fmt:"; echo "$$files"; exit 1; fi

vet:
	@set -e; for dir in . $(NESTED); do echo "== vet $$dir"; (cd $$dir && $(GO) vet ./...); done

# The nested modules have no tools of their own: they are read by the root's.
staticcheck:
	@set -e; tool=$$($(GO) tool -n staticcheck); \
	for dir in . $(NESTED); do echo "== staticcheck $$dir"; (cd $$dir && "$$tool" ./...); done

tidy:
	@set -e; for dir in . $(NESTED); do echo "== tidy $$dir"; (cd $$dir && $(GO) mod tidy -diff); done

# The race detector needs a C compiler. A user's machine may have none; CI must.
race-ready:
ifeq ($(RACE),)
	@echo "make: no working C compiler ($$($(GO) env CC)) or CGO_ENABLED is not 1: testing without the race detector" >&2
	@test -z "$$CI"
endif
