# Everything a person types. Each target is one line of tools/ or CMake; HACKING.md explains them.
PRESET ?= release
BUILD   = build/$(PRESET)
JOBS   ?= $(shell nproc)
# Clones of one machine share what ccache holds.
export CCACHE_BASEDIR   ?= $(CURDIR)
export CCACHE_NOHASHDIR ?= 1

.PHONY: build demo test test-real bench fuzz asan tsan ci tidy format format-check install deb show-ground show-azure show-hls setup clean

build: setup
	@cmake --preset $(PRESET) >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
	@cmake --build --preset $(PRESET) --parallel $(JOBS)

setup:
	@tools/setup
	@mkdir -p build

demo: build
	@tools/demo $(BUILD)

test: build
	@tools/test $(BUILD) unit check scenario

test-real: build
	@tools/test_real $(BUILD)

bench: build
	@tools/bench $(BUILD)

fuzz: setup
	@tools/fuzz

asan tsan: setup
	@cmake --preset $@ && cmake --build --preset $@ --parallel $(JOBS)
	@tools/test build/$@ unit

ci: setup
	@cmake --workflow --preset ci

tidy: setup
	@tools/tidy

format:
	@tools/format

format-check:
	@tools/format --check

install: build
	@cmake --install $(BUILD) $(if $(DESTDIR),,$(if $(PREFIX),--prefix $(PREFIX)))

deb: build
	@cd $(BUILD) && cpack -G DEB

show-ground: build
	@tools/show-ground

show-azure: build
	@tools/show-azure

show-hls: build
	@tools/show-hls

clean:
	rm -rf build
