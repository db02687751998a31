# One word for each thing done here. `make test` is what continuous integration runs.
SHELL := /bin/bash
.DEFAULT_GOAL := test
.DELETE_ON_ERROR:

PYTHON ?= /usr/bin/python3
VENV := .venv
TREE := build/release
JOBS := $(shell nproc)
export CMAKE_BUILD_PARALLEL_LEVEL := $(JOBS)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The compiler's cache knows a file by where it is in the tree: so do copies (`make prove`).
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1

# What `make test` needs; and what only `make lint` and `make format`, `make fuzz`, `make bench` do.
PACKAGES := cmake g++ ninja-build ccache mold pkg-config python3-dev python3-venv \
  libboost1.81-dev libboost-url1.81-dev libcurl4-openssl-dev libssl-dev nlohmann-json3-dev \
  libsimdjson-dev libxxhash-dev libyaml-cpp-dev libgtest-dev libgmock-dev
LINT_PACKAGES := clang clang-format clang-tidy
FUZZ_PACKAGES := clang-14 libclang-rt-14-dev
BENCH_PACKAGES := nginx-light haproxy strace valgrind

# A change in any of these makes the package stale; a change in a test does not.
PACKAGE_FILES := CMakeLists.txt pyproject.toml $(wildcard README.md LICENSE) \
  $(shell find cpp plugins python -type f -not -path '*/__pycache__/*')
CPP_FILES := $(shell find cpp plugins tests \
  -name '*.cpp' -o -name '*.hpp' -o -name '*.h' -o -name '*.c')
# What clang-tidy looks at: what differs from this commit; `make lint SINCE=` looks at everything.
# Not at the binding: its tree is built without Python, whose headers would drown it.
SINCE ?= $(shell git merge-base HEAD origin/main 2>/dev/null || git rev-parse -q --verify HEAD~1)
TIDY_FILES = $(filter-out cpp/binding/%,$(filter cpp/%.cpp plugins/%.cpp, \
  $(if $(SINCE),$(shell git diff --name-only --diff-filter=d $(SINCE)),$(CPP_FILES))))

.PHONY: test drill compare build setup lint format asan tsan fuzz simulate-night overspend uptime \
  prove bench clean

test: build
	cmake --build $(TREE)
	ctest --test-dir $(TREE) --output-on-failure -j $(JOBS)
	$(VENV)/bin/pytest

drill: build
	$(VENV)/bin/keel drill

# ---- one build tree for CMake, pip and ctest -----------------------------------------------------

build: $(TREE)/.installed

$(TREE)/.installed: $(VENV)/.ready $(PACKAGE_FILES)
	$(VENV)/bin/pip install --quiet --no-build-isolation --no-deps \
	  --config-settings=build-dir=$(TREE) --config-settings=cmake.define.KEEL_TESTS=ON .
	touch $@

setup: build/.packages $(VENV)/.ready

build/.packages: Makefile
	@$(call install_missing,$(PACKAGES))
	@mkdir -p $(@D) && touch $@

build/.lint-packages: Makefile
	@$(call install_missing,$(LINT_PACKAGES))
	@mkdir -p $(@D) && touch $@

build/.fuzz-packages: Makefile
	@$(call install_missing,$(FUZZ_PACKAGES))
	@mkdir -p $(@D) && touch $@

build/.bench-packages: Makefile
	@$(call install_missing,$(BENCH_PACKAGES))
	@mkdir -p $(@D) && touch $@

$(VENV)/.ready: tests/requirements.txt | build/.packages
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet -r tests/requirements.txt
	touch $@

# Debian packages that are missing, and only then the package lists. The two variables keep a
# package that is a service (nginx, haproxy) from being started.
define install_missing
missing=; \
for package in $(1); do \
  dpkg-query --show --showformat '$${db:Status-Status}' $$package 2>/dev/null | grep -qx installed \
    || missing="$$missing $$package"; \
done; \
if [ -n "$$missing" ]; then \
  echo "installing$$missing"; \
  as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
  $$as_root apt-get update --quiet=2 && \
  $$as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 SYSTEMD_OFFLINE=1 \
    apt-get install --quiet=2 --yes --no-install-recommends $$missing; \
fi
endef

# ---- care ----------------------------------------------------------------------------------------

lint: build build/.lint-packages
	$(VENV)/bin/ruff check python tests cpp notebooks
	$(VENV)/bin/ruff format --check python tests cpp notebooks
	$(VENV)/bin/mypy
	clang-format --dry-run --Werror $(CPP_FILES)
	$(VENV)/bin/python tests/tidy/headers_alone.py
	cmake --preset tidy
	@for file in $(TIDY_FILES); do echo "$$file"; done | \
	  xargs --no-run-if-empty --verbose --max-procs=$(JOBS) --max-args=1 \
	  clang-tidy --quiet -p build/tidy

format: $(VENV)/.ready build/.lint-packages
	$(VENV)/bin/ruff check --fix --quiet python tests cpp notebooks
	$(VENV)/bin/ruff format --quiet python tests cpp notebooks
	clang-format -i $(CPP_FILES)

asan: build/.packages
	cmake --preset asan-ubsan
	cmake --build --preset asan-ubsan
	ctest --test-dir build/asan-ubsan --output-on-failure

# What has threads: everything below these layers is one thread's at a time. Then the core
# instrumented inside a plain interpreter, which must load the sanitizer first.
THREADED := io net http server mock
POLICIES := ordered weighted_health least_latency list_price downgrade fixed_ttl keyword_ttl
tsan: build/.packages $(VENV)/.ready
	cmake --preset tsan -D KEEL_BINDING=ON -D Python_EXECUTABLE=$(CURDIR)/$(VENV)/bin/python
	cmake --build --preset tsan --target $(THREADED:%=test_%) _core keeld $(POLICIES)
	ctest --test-dir build/tsan --output-on-failure -R '^cpp\.($(subst $(eval) ,|,$(THREADED)))$$'
	cmake --install build/tsan --component python --prefix build/tsan/site
	cp -r python/keel build/tsan/site/
	TSAN_OPTIONS=suppressions=tests/python/tsan.supp PYTHONPATH=build/tsan/site \
	  LD_PRELOAD=$$(g++ -print-file-name=libtsan.so) \
	  $(VENV)/bin/python tests/python/eight_threads.py build/tsan/site/bin/keeld

# Every target for FUZZ_SECONDS (an hour each), or those of FUZZ_TARGETS; what is learnt stays in
# build/fuzz/corpus. FUZZ_SEEDS: a folder of further seeds.
FUZZ_SECONDS ?= 3600
fuzz: build/.packages build/.fuzz-packages
	cmake --preset fuzz
	cmake --build --preset fuzz
	tests/fuzz/run.sh build/fuzz $(FUZZ_SECONDS) $(FUZZ_TARGETS)

# Nights for SECONDS_EACH: hostile ones with every invariant, fair ones with the availability
# oracle; from SEED on. KIND=hostile or KIND=fair: those only.
SECONDS_EACH ?= 600
SEED ?= 1000000
KIND ?= hostile fair
simulate-night: build
	cmake --build $(TREE) --target nights
	@for kind in $(KIND); do \
	  $(TREE)/tests/nights/nights $$kind --first $(SEED) --seconds $(SECONDS_EACH) || exit 1; \
	done

# The article's uptime table and its month, simulated.
uptime: build
	$(VENV)/bin/python tests/nights/uptime.py
	$(VENV)/bin/python tests/nights/uptime.py --month

# Plants every fault of tests/faults, one at a time, and hunts it; FAULTS="name name": those only.
prove: build
	$(VENV)/bin/python tests/faults/prove.py $(or $(FAULTS),--table tests/faults/README.md)

# Eight relays on a partitioned store spend nothing twice, over FLEET_REQUESTS requests.
FLEET_REQUESTS ?= 10000000
FLEET_SEED ?= 1
overspend: build
	cmake --build $(TREE) --target test_sim
	KEEL_FLEET_REQUESTS=$(FLEET_REQUESTS) KEEL_FIRST_SEED=$(FLEET_SEED) \
	  $(TREE)/tests/cpp/test_sim --gtest_filter=Fleet.SpendsNothingTwiceOnAPartitionedStore

# The same minute and a half lived, through sockets and fake providers, and simulated.
compare: build
	$(VENV)/bin/python tests/e2e/compare.py

# BENCH_QUICK=1: a short look at the hop.
bench: build build/.bench-packages
	$(VENV)/bin/python tests/bench/calls.py
	$(VENV)/bin/python tests/bench/awaits.py
	cmake --build $(TREE) --target bench_load bench_provider
	$(VENV)/bin/python tests/bench/hop.py --tree $(TREE) --out build/bench

clean:
	rm -rf build dist $(VENV) .mypy_cache .ruff_cache .pytest_cache
	find python tests -name __pycache__ -type d -prune -exec rm -rf {} +
