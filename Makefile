# What people type. .ci/run does all of it, in order, for every change.
.DEFAULT_GOAL := help
.PHONY: help demo test race lint build pictures ci

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## see it work: embedded Redis, simulated providers, keeps nothing
	go run ./cmd/worker --demo

test: ## all tests; those that need redis-server are skipped without one
	go test ./...

race: ## all tests with the race detector
	go test -race ./...

lint: ## gofmt, go vet, staticcheck
	@test -z "$$(gofmt -l .)" || { echo "run gofmt -w on:"; gofmt -l .; exit 1; }
	go vet ./...
	go tool staticcheck ./...

build: ## static binaries of all commands, in bin/
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/...

pictures: ## remake docs/images; needs chromium and redis-server
	go test ./web/browsertest -run TestPictures -pictures -count=1 -v

ci: ## everything that CI does
	.ci/run
