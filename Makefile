# Mooring. `make help` lists what there is; every target installs or restores what it needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

CONFIGURATION ?= Release
ARGS          ?=
BUILD         := dotnet build Operator.sln --configuration $(CONFIGURATION) --nologo --verbosity quiet
LOWER         := $(shell echo $(CONFIGURATION) | tr A-Z a-z)
OPERATOR      := artifacts/bin/Mooring.Operator/$(LOWER)/operator
GATEWAY       := artifacts/bin/Mooring.Gateway/$(LOWER)/gateway
BENCHMARKS    := artifacts/bin/Mooring.Benchmarks/$(LOWER)/Mooring.Benchmarks
# An -f in ARGS replaces the sample.
MANIFEST      := $(if $(filter -f --file,$(ARGS)),,-f config/samples/quickstart.yaml)

export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Use

.PHONY: run
run: programs ## Run a fleet on this machine: TCP echo on 127.0.0.1:9000, WebSocket on 9001, page on 8099 (ARGS="-f other.yaml --http 127.0.0.1:8100")
	@exec $(OPERATOR) up $(MANIFEST) $(ARGS)

.PHONY: programs
programs: sdk ## Build the operator and the gateway alone, without analyzers
	@dotnet build operator/Mooring.Operator.csproj --configuration $(CONFIGURATION) --nologo --verbosity quiet -p:Quick=true
	@dotnet build gateway/Mooring.Gateway.csproj --configuration $(CONFIGURATION) --nologo --verbosity quiet -p:Quick=true

##@ Develop

.PHONY: build
build: sdk ## Build everything, with the analyzers (warnings are errors)
	@$(BUILD)

.PHONY: test
test: ## Everything that a machine without a cluster can test; ends in one line: N passed, N failed, N skipped
	@.ci/install tests
	@$(MAKE) lint
	@$(MAKE) build
	@.ci/test unit conformance chaos chart api

.PHONY: test-unit
test-unit: build ## Unit tests alone
	@.ci/test unit

.PHONY: test-api
test-api: build ## Tests against a real API server (KUBEBUILDER_ASSETS, else the newest of ~/.local/share/kubebuilder-envtest/k8s)
	@.ci/test api

.PHONY: chaos
chaos: build ## 1,000 tunnels over four gateways while gateways and Redis are killed (TUNNELS=200 for fewer), about 2 minutes
	@.ci/install tests
	@MOORING_CHAOS_TUNNELS=$(or $(TUNNELS),1000) .ci/test chaos

.PHONY: e2e
e2e: build ## End-to-end tests on the cluster of KUBECONFIG
	@.ci/install tests
	@.ci/test e2e

.PHONY: bench
bench: bench-l4 bench-udp bench-tls bench-ws bench-fanout bench-tunnels bench-operator ## All benchmarks but the million; QUICK=1 for the short form

.PHONY: bench-l4
bench-l4: sdk ## TCP path beside haproxy and nginx (QUICK=1: within 90 s)
	@.ci/install bench
	@dotnet build tests/benchmarks/Mooring.Benchmarks.csproj --configuration $(CONFIGURATION) --nologo --verbosity quiet -p:Quick=true
	@dotnet build gateway/Mooring.Gateway.csproj --configuration $(CONFIGURATION) --nologo --verbosity quiet -p:Quick=true
	@$(BENCHMARKS) l4 --gateway $(GATEWAY) $(if $(QUICK),--quick) $(ARGS)

.PHONY: bench-udp
bench-udp: sdk ## UDP path beside nginx (QUICK=1: within 60 s)
	@.ci/install bench
	@dotnet build tests/benchmarks/Mooring.Benchmarks.csproj --configuration $(CONFIGURATION) --nologo --verbosity quiet -p:Quick=true
	@dotnet build gateway/Mooring.Gateway.csproj --configuration $(CONFIGURATION) --nologo --verbosity quiet -p:Quick=true
	@$(BENCHMARKS) udp --gateway $(GATEWAY) $(if $(QUICK),--quick) $(ARGS)

.PHONY: bench-operator
bench-operator: sdk ## The shipped operator with 100, 300 and 1,000 fleets on a real API server, about 12 minutes (QUICK=1: 100 fleets, 2 minutes)
	@dotnet build tests/benchmarks/Mooring.Benchmarks.csproj --configuration $(CONFIGURATION) --nologo --verbosity quiet -p:Quick=true
	@.ci/publish operator/Mooring.Operator.csproj $(abspath artifacts/bench/operator)
	@$(BENCHMARKS) operator --operator artifacts/bench/operator/operator $(if $(QUICK),--quick) $(ARGS)

.PHONY: bench-tls
bench-tls: sdk ## TLS beside haproxy, nginx and Kestrel (QUICK=1: shorter)
	@.ci/install bench
	@dotnet build tests/benchmarks/Mooring.Benchmarks.csproj --configuration $(CONFIGURATION) --nologo --verbosity quiet -p:Quick=true
	@dotnet build gateway/Mooring.Gateway.csproj --configuration $(CONFIGURATION) --nologo --verbosity quiet -p:Quick=true
	@$(BENCHMARKS) tls --gateway $(GATEWAY) $(if $(QUICK),--quick) $(ARGS)

.PHONY: bench-tunnels
bench-tunnels: sdk ## Tunnels beside ssh -R and two hops of haproxy, about 4 minutes (QUICK=1: 90 s)
	@.ci/install bench
	@dotnet build tests/benchmarks/Mooring.Benchmarks.csproj --configuration $(CONFIGURATION) --nologo --verbosity quiet -p:Quick=true
	@dotnet build gateway/Mooring.Gateway.csproj --configuration $(CONFIGURATION) --nologo --verbosity quiet -p:Quick=true
	@$(BENCHMARKS) tunnels --gateway $(GATEWAY) $(if $(QUICK),--quick) $(ARGS)

.PHONY: bench-ws
bench-ws: sdk ## WebSockets beside npm ws and Kestrel (QUICK=1: shorter, without telemetry and kill)
	@.ci/install bench
	@dotnet build tests/benchmarks/Mooring.Benchmarks.csproj --configuration $(CONFIGURATION) --nologo --verbosity quiet -p:Quick=true
	@dotnet build gateway/Mooring.Gateway.csproj --configuration $(CONFIGURATION) --nologo --verbosity quiet -p:Quick=true
	@$(BENCHMARKS) ws --gateway $(GATEWAY) $(if $(QUICK),--quick) $(ARGS)

.PHONY: bench-fanout
bench-fanout: sdk ## Fan-out of a Hub beside npm ws and SignalR (QUICK=1: 2,000 subscribers)
	@.ci/install bench
	@dotnet build tests/benchmarks/Mooring.Benchmarks.csproj --configuration $(CONFIGURATION) --nologo --verbosity quiet -p:Quick=true
	@dotnet build gateway/Mooring.Gateway.csproj --configuration $(CONFIGURATION) --nologo --verbosity quiet -p:Quick=true
	@$(BENCHMARKS) fanout --gateway $(GATEWAY) $(if $(QUICK),--quick) $(ARGS)

# Compiled ahead of time, as the images are, and not once more: 120 processes that compile themselves on the same cores would be most of what there is
# to see. In a network namespace of its own, since where firewall rules have connections tracked, a million are too many.
AHEAD   := artifacts/ahead
RUNTIME := linux-$(patsubst aarch64,arm64,$(patsubst x86_64,x64,$(shell uname -m)))
.PHONY: bench-million
bench-million: sdk ## A million idle WebSockets in one fleet on this host, about 20 minutes and 16 GiB (QUICK=1: 50,000, 2 minutes)
	@.ci/install bench
	@.ci/publish gateway/Mooring.Gateway.csproj $(abspath $(AHEAD))/Mooring.Gateway
	@for project in operator/Mooring.Operator tests/benchmarks/Mooring.Benchmarks; do \
		dotnet publish $$project.csproj --configuration Release --runtime $(RUNTIME) --no-self-contained --nologo --verbosity quiet \
			-p:Quick=true -p:PublishReadyToRun=true -p:DebugType=none -p:GenerateDocumentationFile=false \
			--artifacts-path $(AHEAD)/build --output $(AHEAD)/$$(basename $$project); done
	@unshare $(if $(filter-out 0,$(shell id -u)),--map-root-user) --net -- sh -c 'ip link set lo up && exec env DOTNET_TieredCompilation=0 "$$0" "$$@"' \
		$(AHEAD)/Mooring.Benchmarks/Mooring.Benchmarks million --operator $(abspath $(AHEAD))/Mooring.Operator/operator --gateway $(abspath $(AHEAD))/Mooring.Gateway/gateway $(if $(QUICK),--quick) $(ARGS)

.PHONY: lint
lint: sdk ## Check the format (the analyzers run in the build)
	@dotnet tool restore >/dev/null
	@dotnet csharpier check . || { echo "lint: run 'make fmt'"; exit 1; }
	@.ci/links

.PHONY: fmt
fmt: sdk ## Format the code
	@dotnet tool restore >/dev/null
	@dotnet csharpier format .

.PHONY: crds
crds: programs ## Generate crds/ from operator/Entities, and the chart's copy
	@$(OPERATOR) crds -o crds
	@$(OPERATOR) crds -o charts/mooring/files/crds

.PHONY: golden
golden: build ## Refresh the golden files of the tests; read the diff before committing it
	@MOORING_GOLDEN=1 .ci/test unit chart api

##@ Ship

.PHONY: images
images: sdk ## Container images mooring/operator:dev and mooring/gateway:dev as archives in artifacts/images
	@.ci/install images
	@.ci/images $(ARGS)

.PHONY: chart
chart: sdk ## Lint and render the Helm chart; install, upgrade and uninstall it on a real API server (KUBEBUILDER_ASSETS, as test-api)
	@.ci/install chart
	@dotnet build tests/api/Mooring.Api.Tests.csproj --configuration $(CONFIGURATION) --nologo --verbosity quiet -p:Quick=true
	@.ci/test chart installation

.PHONY: clean
clean: ## Remove everything that was built
	@rm -rf artifacts tests/conformance/node_modules
	@find . -type d \( -name bin -o -name obj \) -not -path './.git/*' -prune -exec rm -rf {} +

.PHONY: sdk
sdk:
	@command -v dotnet >/dev/null || { echo "make: the .NET 10 SDK is missing: https://dotnet.microsoft.com/download" >&2; exit 1; }
