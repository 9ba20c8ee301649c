# fenced. `make help` lists the targets; CONTRIBUTING.md says when to use which.
# A target's help is the text behind `##` on its line. Stages, their order and their budgets are in test/verify/stages.go.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO       ?= go
PROTOC   ?= protoc
# Without tags, without git or in a checkout of somebody else there is still a version.
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo 0.0.0-unknown)
BUILD    := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '-X main.version=$(VERSION)'
VERIFY   := $(GO) run ./test/verify -run '$(RUN)' -count '$(or $(COUNT),1)'

# The Go tools, pinned; kept out of go.mod so that they never enter the product's dependencies. test/verify reads these lines.
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
PROTOC_GEN_GO := google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.10
PROTOC_GEN_GO_GRPC := google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.5.1

.PHONY: help deps build demo test verify race lint e2e systemd corosync secrets fuzz lab agents model scenarios mutants bench tools generate clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## install what building and testing need (root on Debian: apt; Go modules)
	@bash test/verify/deps.sh

build: ## build/fenced, build/fenced-watchdog, build/fenced-dev, build/plugins/fenced-plugin-*
	@mkdir -p build/plugins
	$(BUILD) -o build/ ./cmd/fenced ./cmd/fenced-watchdog ./cmd/fenced-dev
	@plugins=$$($(GO) list -f '{{if eq .Name "main"}}{{.Dir}}{{end}}' ./plugins/... | grep -x '$(CURDIR)/plugins/[^/]*'); \
	for p in $$plugins; do \
		echo "$(BUILD) -o build/plugins/fenced-plugin-$${p##*/} ./plugins/$${p##*/}"; \
		$(BUILD) -o "build/plugins/fenced-plugin-$${p##*/}" "./plugins/$${p##*/}"; \
	done

demo: build ## three daemons on this machine, one dies, is fenced with proof and comes back
	build/fenced dev --script fail-one

test: ## what a person runs: deps if root on Debian, then build, unit, golden, namespaces (RUN=regex COUNT=n)
	@bash test/verify/deps.sh --if-root
	@$(VERIFY) -stream -only build,layers,docs,unit,e2e

verify: deps ## everything CI runs, in stages (VERIFY_ONLY=stage,… VERIFY_RESUME=1 keeps what passed on the same sources)
	@$(VERIFY) -only '$(VERIFY_ONLY)' $(if $(VERIFY_RESUME),-resume)

race: ## unit tests under the race detector (RUN=regex COUNT=n)
	@$(VERIFY) -stream -only race

lint: ## golangci-lint with .golangci.yml
	@$(VERIFY) -stream -only lint

e2e: ## daemons in network namespaces with IPMI BMCs, needs root (RUN=regex COUNT=n)
	@$(VERIFY) -stream -only e2e

systemd: ## the unit under a real systemd in namespaces of its own, needs root (RUN=regex COUNT=n)
	@$(VERIFY) -stream -only systemd

corosync: ## real corosync rings in network namespaces, needs root (RUN=regex COUNT=n)
	@$(VERIFY) -stream -only corosync

secrets: ## planted secrets are looked for everywhere they must not be (RUN=regex COUNT=n)
	@$(VERIFY) -stream -only secrets

fuzz: ## every fuzz function for FUZZTIME (3s)
	@$(VERIFY) -stream -only fuzz $(if $(FUZZTIME),-fuzztime $(FUZZTIME))

lab: ## whole machines under QEMU: real kernels, corosync, dlm, gfs2, fenced, two hours (CI=1 takes the six of CI, RUN=regex COUNT=n KEEP=1)
	@bash test/verify/deps.sh
	$(if $(CI),@$(VERIFY) -stream -only lab,FENCED_TEST_REQUIRE=all $(GO) test -count=$(or $(COUNT),1) -run '$(RUN)' -timeout 3h -v ./test/lab/...)

agents: ## every installed fence agent through the adapter, real ones run (RUN=regex COUNT=n)
	@bash test/verify/deps.sh --if-root
	FENCED_TEST_REQUIRE=all $(GO) test -count=$(or $(COUNT),1) -run '$(RUN)' -v ./plugins/agent

sim: build ## simulated clusters with faults, every invariant checked (SEEDS=a..b NODES=n MEMBERSHIP=corosync, or SEED=x for one with its trace)
	@build/fenced sim --membership $(or $(MEMBERSHIP),embedded) --nodes $(or $(NODES),5) $(if $(SEED),--seed $(SEED) --verbose,--seeds $(or $(SEEDS),0..999))

scenarios: ## named situations in the simulator, and the page that says what proves each (RUN=S1.3 COUNT=n)
	@$(GO) test -count=$(or $(COUNT),1) $(if $(RUN),-run 'TestScenarios/$(RUN)') ./test/scenarios/...
	@$(GO) run ./test/scenarios/list --require S0,S1,S3,S5

canaries: ## known bugs, one at a time; the simulator must find each within its seeds (RUN=regex)
	@$(GO) run ./test/mutants -dir test/canaries -out build/canaries.json -run '$(RUN)'

model: ## the formal model in docs/model, searched to its end, and the mistakes that it must find (RUN=regex)
	@RUN='$(RUN)' bash docs/model/check.sh

mutants: ## break one rule at a time; its test must fail (RUN=regex)
	@$(GO) run ./test/mutants -run '$(RUN)'

bench: build ## what the product itself costs, into build/bench.jsonl (RUN=regex QUICK=1)
	@FENCED_TEST_BUILD='$(CURDIR)/build' $(GO) run ./test/bench -run '$(RUN)' $(if $(QUICK),-quick)

tools: build/tools/golangci-lint build/tools/protoc-gen-go build/tools/protoc-gen-go-grpc ## the pinned Go tools, in build/tools

build/tools/golangci-lint:
	GOBIN=$(CURDIR)/build/tools $(GO) install $(GOLANGCI)
build/tools/protoc-gen-go:
	GOBIN=$(CURDIR)/build/tools $(GO) install $(PROTOC_GEN_GO)
build/tools/protoc-gen-go-grpc:
	GOBIN=$(CURDIR)/build/tools $(GO) install $(PROTOC_GEN_GO_GRPC)

# OUT is where the generated code goes; `make verify` writes it elsewhere and compares.
OUT ?= plugins/proto
generate: build/tools/protoc-gen-go build/tools/protoc-gen-go-grpc ## Go code from plugins/proto/plugin.proto (needs protoc)
	cd plugins/proto && PATH="$(CURDIR)/build/tools:$$PATH" $(PROTOC) plugin.proto \
		--go_out='$(abspath $(OUT))' --go_opt=paths=source_relative \
		--go-grpc_out='$(abspath $(OUT))' --go-grpc_opt=paths=source_relative

clean: ## remove build/
	rm -rf build
