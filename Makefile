# The commands of this project. Each installs what it needs and does not find (tests/lab/setup).
SHELL := /bin/bash
export PATH := $(PATH):$(HOME)/.cargo/bin:/usr/local/go/bin:/usr/sbin:/sbin

.PHONY: help demo demo-down test test-chains test-faults test-hostile test-vagrant test-report audit bench bench-scale lint static clean-lab
help:
	@echo 'make demo       four real hosts on this machine, one chain; again: nothing to change (make demo-down)'
	@echo 'make test       formatting, lints and all tests; where hosts cannot run, those tests are named as ignored'
	@echo 'make lint       formatting and lints alone'
	@echo 'make test-faults  the slow faults, and the kill matrix: faults at random moments (41 minutes)'
	@echo 'make test-hostile attacks on a run: by a node, by another account, by a host that lies (under 20 minutes)'
	@echo 'make test-chains  every chain and version by its real binary (about 30 minutes with the builds)'
	@echo 'make test-vagrant a real Vagrant with machines of its lxc provider (about 10 minutes)'
	@echo 'make test-report  pages of `up --report`, as chromium shows them (installs it)'
	@echo 'make static     one program file that needs nothing of the machine it runs on; fails above 8 MB'
	@echo 'make audit      licences, sources, banned crates, security advisories'
	@echo 'make bench      what loomctl costs beside the work itself, Ansible, Mitogen and pyinfra (about 20 minutes)'
	@echo 'make bench-scale  what a host costs among 4, 64 and 128 (about 12 minutes)'
	@echo 'make clean-lab  every lab and the hosts'"'"' base'

demo:
	@tests/lab/demo

demo-down:
	@tests/lab/demo down

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

test:
	@tests/lab/setup
	@$(MAKE) --no-print-directory lint
	LOOMCTL_FUZZ_SECONDS=$${LOOMCTL_FUZZ_SECONDS:-10} cargo test --locked

# How many of each fault: FAULTS=step:20,loomctl:100,session:25,host:25; LOOMCTL_SEED replays.
FAULTS ?= step:20,loomctl:100,session:25,host:25
test-faults:
	@tests/lab/setup
	LOOMCTL_FAULTS=$(FAULTS) cargo test --locked --test suite -- slow_
	LOOMCTL_FAULTS=$(FAULTS) cargo test --locked --test suite -- killed_at_random_moments

test-hostile:
	@tests/lab/setup
	LOOMCTL_HOSTILE=1 cargo test --locked --test suite -- e2e::attacks

test-chains:
	@tests/lab/setup
	@tests/lab/chains tendermint-0.32 tendermint-0.34 cometbft-0.37 cometbft-0.39 cometbft-0.40 cometbft-1.0 simd-0.50 kaia-1.0
	@tests/lab/chains genesis-oracle-0.37 genesis-oracle-0.38 genesis-oracle-0.39 genesis-oracle-0.40 genesis-oracle-simd
	LOOMCTL_CHAINS=1 cargo test --locked --test suite -- e2e::chains
	LOOMCTL_CHAINS=1 cargo test --locked --test suite -- e2e::verdicts

test-report:
	@command -v chromium >/dev/null || apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends chromium </dev/null >/dev/null
	mkdir -p target/pages
	LOOMCTL_PAGES=$(CURDIR)/target/pages cargo test --locked --lib cli::report
	LOOMCTL_PAGES=$(CURDIR)/target/pages cargo test --locked --test suite -- report::

# One file that needs nothing of the machine that it runs on. Its linker is the one that comes with Rust 1.90 or later: packed
# relocations, one copy of equal functions, no tables for unwinding (static.ld).
STATIC = $(CURDIR)/target/$(shell rustc -vV | sed -n 's/^host: //p')/small/loomctl
STATIC_LINKER = -z,pack-relative-relocs --icf=all --no-eh-frame-hdr -T,$(CURDIR)/static.ld
STATIC_FLAGS = -C target-feature=+crt-static $(STATIC_LINKER:%=-C link-arg=-Wl,%)
STATIC_AT_MOST = 8000000
static:
	RUSTFLAGS='$(STATIC_FLAGS)' cargo build --locked --profile small --target $$(rustc -vV | sed -n 's/^host: //p')
	@$(STATIC) --version
	@size=$$(stat -c %s $(STATIC)); echo "$(STATIC): $$size bytes"; \
	[ $$size -le $(STATIC_AT_MOST) ] || { echo "static: more than $(STATIC_AT_MOST) bytes (docs/performance.md)" >&2; exit 1; }

test-vagrant:
	@tests/lab/setup
	@tests/vagrant/setup >/dev/null
	@$(MAKE) --no-print-directory static
	LOOMCTL_VAGRANT=1 LOOMCTL_STATIC=$(STATIC) cargo test --locked --test suite -- e2e::vagrant; status=$$?; \
	/usr/libexec/lxc/lxc-net stop; exit $$status

audit:
	@tests/audit

bench:
	@bench/run

bench-scale:
	@bench/scale

clean-lab:
	@tests/lab/lab clean
