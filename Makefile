# SPDX-License-Identifier: MIT
# A façade: CMake does the work (CMakePresets.json). `make help` lists what there is.

CONTENT ?= examples/images/chelsea.jpg
STYLE   ?= examples/images/van-gogh.jpg
OUT     ?= demo.png
FIT     ?= 512
STEPS   ?=
# STRENGTH is its older name.
PRESET  ?= $(STRENGTH)
MODEL   ?= models/mini.artfusion
PREFIX  ?= /usr/local
JOBS    ?= $(shell nproc)
TORCH_DIR ?=

RELEASE := build/release
CONFIGURE := $(if $(TORCH_DIR),-DTorch_DIR=$(abspath $(TORCH_DIR)))

.PHONY: help setup setup-test build demo test-quick test test-long bench docs dist release install clean

help:
	@echo 'make demo     stylise CONTENT=FILE with STYLE=FILE into OUT=FILE'
	@echo '              [PRESET=subtle|balanced|bold] [FIT=PIXELS] [STEPS=N] [MODEL=FILE];'
	@echo '              sets up what is missing first'
	@echo 'make test-quick  build and test the core alone, in a minute, without libtorch'
	@echo 'make test     build and run all tests; sets up what is missing first'
	@echo 'make test-long  that and all the rest: faults, fuzzers, mutation, long runs [RECORD=1];'
	@echo '              hours; takes valgrind, clang-tidy, cppcheck and llvm more'
	@echo 'make build    the library, the engine and the command, in $(RELEASE)'
	@echo 'make install  the same into PREFIX=DIR ($(PREFIX))'
	@echo 'make bench    speed beside PyTorch, ONNX Runtime and OpenVINO, about 35 minutes'
	@echo '              [JSON=FILE] [PLOT=FILE.png] [GROWTH=FILE.png]; takes 1.5 GB more in .venv and build/bench'
	@echo 'make docs     the documentation as a site: guide, references, measurements; in build/docs'
	@echo 'make dist     the source of a release as a tarball, and its checksum, in build/dist'
	@echo 'make release  all packages of a release, checked, and their checksums, in build/packages; half an hour'
	@echo 'make setup    only system packages, .venv and libtorch'
	@echo 'make clean    remove the builds; .venv stays'
	@echo
	@echo 'TORCH_DIR=DIR  the folder of another TorchConfig.cmake; demo and build then need no .venv'
	@echo 'TORCH_BUILD=, TORCH_INDEX=, PYTHON=: scripts/setup-python.sh says what they do'

setup:
	@scripts/setup-system.sh build
	@$(if $(TORCH_DIR),,scripts/setup-python.sh requirements.txt)

setup-test:
	@scripts/setup-system.sh test
	@scripts/setup-python.sh requirements-test.txt

build: setup
	@cmake --preset release $(CONFIGURE) >/dev/null
	@cmake --build --preset release -j $(JOBS)

demo: build
	$(RELEASE)/bin/artfusion stylize --verbose --model '$(MODEL)' --fit $(FIT) $(if $(STEPS),--steps $(STEPS)) \
	    $(if $(PRESET),--preset '$(PRESET)') \
	    --content '$(CONTENT)' --style '$(STYLE)' --out '$(OUT)'
	@echo "The result lies in $$(realpath '$(OUT)')"

test-quick:
	@scripts/setup-system.sh quick
	@scripts/test-quick.sh $(JOBS)

test: setup-test
	@scripts/test.sh $(JOBS) $(CONFIGURE)

test-long: test
	@scripts/setup-system.sh long
	@scripts/test-long.sh $(JOBS) $(if $(RECORD),--record)

bench: build
	@scripts/setup-python.sh requirements-bench.txt
	.venv/bin/python bench/speed.py $(if $(JSON),--json '$(JSON)') $(if $(PLOT),--plot '$(PLOT)') \
	    $(if $(GROWTH),--growth '$(GROWTH)')

docs: setup-test
	@rm -rf build/docs
	@scripts/docs.sh build/docs
	@echo "The site begins at $$(realpath build/docs/index.html)"

dist:
	@scripts/dist.sh build/dist

release:
	@scripts/setup-system.sh release
	@scripts/setup-python.sh requirements-release.txt
	@scripts/release.sh build/packages $(JOBS)

install: build
	cmake --install $(RELEASE) --prefix $(PREFIX)

clean:
	rm -rf build
