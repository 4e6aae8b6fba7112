# Every target works on a new Debian or Ubuntu machine that has Go and make: `deps` installs the rest, or says what is
# missing and stops.

# Where git does not answer, because it or its folder is missing, the build cannot be stamped with the commit.
STAMP := $(if $(shell git rev-parse HEAD 2>/dev/null),,-buildvcs=false)
GOLANGCI := go tool -modfile=tools/go.mod golangci-lint

.PHONY: demo test build lint gen attacks fuzz bench deps testdeps docs/check.svg

demo: build ## a real call, in which one participant turns deepfake, and the page that shows it
	./defakepro demo $(DEMOFLAGS)

# Long recordings, and sums of one goroutine, are tried without the race detector, which makes estimation ten times slower; all else with it
# (tools/concurrent.sh, internal/race). The packages that hold no calls are tried side by side, the others one by one (tools/quiet.sh).
test: testdeps lint ## everything that must hold before a change goes in
	@test -z "$$(gofmt -l .)" || { echo "not formatted:"; gofmt -l .; exit 1; }
	go vet ./...
	go mod tidy -diff
	CGO_ENABLED=0 go build $(STAMP) ./...
	tools/unchanged.sh go generate ./...
	go test -race -short -timeout 20m $$(tools/concurrent.sh)
	others=$$(tools/quiet.sh others) && go test -timeout 20m $$others
	quiet=$$(tools/quiet.sh) && go test -p 1 -timeout 20m $$quiet

build: deps ## the command, in ./defakepro
	go build $(STAMP) -trimpath -o defakepro ./cmd/defakepro

lint: deps ## golangci-lint with the import arrows of docs/design/architecture.md
	$(GOLANGCI) run ./...

gen: testdeps ## generated files, written anew
	go generate ./...

attacks: testdeps ## every attack that docs/threat-model.md names the test of
	go test -p 1 -count 1 -timeout 20m -run "^($$(grep -o 'Test[A-Za-z0-9]*' docs/threat-model.md | sort -u | grep -v TestScripts | paste -sd '|'))$$" \
		./media ./capability ./identity ./poenf ./ledger/comet ./httpapi ./webhook ./report ./guard ./dashboard ./cmd/defakepro
	go test -count 1 -run '^TestScripts$$/^(members|sealed|guardtokens)$$' ./cmd/defakepro

fuzz: deps ## every fuzz target, FUZZTIME each (10m), with a line on each: executions and findings
	tools/fuzz.sh

bench: deps ## the figures of docs/results
	go test -run '^$$' -bench . -benchmem ./...

docs/check.svg: build ## the picture of a forged recording, from its report
	mkdir -p .cache
	./defakepro sim .cache/talk.mp4 --video --size 480x270 --fps 25 --motion --truth .cache/grid.csv --attack replace:80-120 --seconds 240
	-./defakepro check .cache/talk.mp4 --reference .cache/grid.csv --report .cache/talk.html
	tools/picture.sh .cache/talk.html >$@

deps: # FFmpeg, its libraries, a C compiler
	@tools/deps.sh

testdeps: deps # Chromium, npm, a LiveKit server
	@tools/deps.sh test
	@go run ./internal/livekit/get
