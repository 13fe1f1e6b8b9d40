# The commands a newcomer needs; CI calls the same ones.
#   make demo      build, start a private server on loopback, deliver a message and read it back
#   make check     everything that must hold before a change goes in
#   make install   PREFIX=/usr/local DESTDIR=... LIBEXECDIR= BINDIR= SYSCONFDIR= MANDIR= UNITDIR=
#   make oracle    unpack Debian's Cyrus 3.6.1 under target/oracle (installs nothing); the live tests compare with it
#   make live      only the live tests; RECORD=1 writes the oracle's answers anew
#   make check-guide storm  the installation guide followed with a real Postfix (root, postfix, curl)
#   make check-mta  the guide's chapters on Postfix and Sendmail followed with both (root; debug build as make check makes it)
#   make storm    200 times kill -9 under load, then both makes of servers on one spool for a minute (root, oracle installed)
#   make storm100k  100,000 messages (N=...) by 8 connections, read and expunged meanwhile, a kill -9 each second
#   make fuzz      every fuzz target for FUZZ_SECONDS (600), by cargo-fuzz
#   make bench     measure ours beside Cyrus (needs ../shared/bench and root)
#   make deps      install the Debian packages a build needs (root), or name those that are missing

CARGO ?= cargo
PREFIX ?= /usr/local
LIBEXECDIR ?= $(PREFIX)/lib/cyrus/bin
BINDIR ?= $(PREFIX)/bin
SYSCONFDIR ?= /etc
MANDIR ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
TARGET = $(or $(CARGO_TARGET_DIR),target)
BUILD_TARGET = CARGO_TARGET_DIR=$(TARGET)

.PHONY: all demo check check-guide check-mta storm storm100k fuzz build fmt clippy docs unit live oracle install bench deps deps-demo deps-live clean

all: deps
	$(CARGO) build --release --workspace

demo: deps-demo all
	sh scripts/demo.sh "$(TARGET)/release"

deps:
	@sh scripts/setup.sh build

deps-demo:
	@sh scripts/setup.sh demo

deps-live:
	@sh scripts/setup.sh live

check: deps-live
	$(MAKE) fmt
	$(MAKE) clippy
	$(MAKE) oracle
	$(MAKE) build
	$(MAKE) unit
	$(MAKE) docs
	@echo "check: all fine"

fmt:
	$(CARGO) fmt --all --check

clippy:
	$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings

build:
	$(CARGO) build --workspace --quiet

# The live tests are among these (package cyrus-tests); they take the programs that `build` made.
unit: build
	$(CARGO) test --workspace --quiet

live: deps-live oracle build
	$(CARGO) test --package cyrus-tests

docs:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --quiet

oracle:
	@sh scripts/oracle.sh

install: all
	PREFIX="$(PREFIX)" LIBEXECDIR="$(LIBEXECDIR)" BINDIR="$(BINDIR)" SYSCONFDIR="$(SYSCONFDIR)" MANDIR="$(MANDIR)" \
	  UNITDIR="$(UNITDIR)" DESTDIR="$(DESTDIR)" sh scripts/install.sh "$(TARGET)/release"

# Exit status 77 of the script says that something it needs is not there. The links made by install.sh are absolute.
GUIDE = $(abspath $(TARGET))/guide
check-guide: all
	@sh scripts/setup.sh guide || test -z "$$CI"
	rm -rf "$(GUIDE)"
	PREFIX="$(GUIDE)" LIBEXECDIR="$(GUIDE)/bin" BINDIR="$(GUIDE)/bin" SYSCONFDIR="$(GUIDE)/etc" MANDIR="$(GUIDE)/man" \
	  UNITDIR="$(GUIDE)/unit" DESTDIR= sh scripts/install.sh "$(TARGET)/release" >/dev/null
	@sh tests/guide/run.sh "$(GUIDE)/bin" || { s=$$?; [ $$s = 77 ] || exit $$s; }

MTA = $(abspath $(TARGET))/mta
check-mta: build oracle
	@sh scripts/setup.sh guide || test -z "$$CI"
	@sh tests/mta/sendmail.sh target/sendmail || test -z "$$CI"
	rm -rf "$(MTA)"
	PREFIX="$(MTA)" LIBEXECDIR="$(MTA)/bin" BINDIR="$(MTA)/bin" SYSCONFDIR="$(MTA)/etc" MANDIR="$(MTA)/man" \
	  UNITDIR="$(MTA)/unit" DESTDIR= sh scripts/install.sh "$(TARGET)/debug" >/dev/null
	@sh tests/mta/run.sh "$(MTA)/bin" target/sendmail || { s=$$?; [ $$s = 77 ] || exit $$s; }

storm: all
	LIBEXECDIR=/bin BINDIR=/bin SYSCONFDIR=/etc MANDIR=/man UNITDIR=/unit PREFIX=/ DESTDIR="$(abspath $(TARGET))/guide" sh scripts/install.sh "$(TARGET)/release" >/dev/null
	tests/storm/storm.py kill "$(TARGET)/guide/bin" 200
	tests/storm/storm.py mixed "$(TARGET)/guide/bin" 60

# The long one: 100,000 messages (N=10000 for a shorter one).
storm100k: all
	LIBEXECDIR=/bin BINDIR=/bin SYSCONFDIR=/etc MANDIR=/man UNITDIR=/unit PREFIX=/ DESTDIR="$(abspath $(TARGET))/guide" sh scripts/install.sh "$(TARGET)/release" >/dev/null
	tests/storm/storm.py flood "$(TARGET)/guide/bin" $(or $(N),100000)

# Findings stay below fuzz/artifacts, the corpus below target/fuzz; a dictionary is taken where the protocol has one.
FUZZ_TARGETS = imapurl_parse sieve_parse sieve_verify sieve_run lmtp_session pop3_session sieve_session socketmap_session
fuzz:
	@command -v cargo-fuzz >/dev/null || { echo "make fuzz: needs cargo-fuzz (cargo install cargo-fuzz)" >&2; exit 1; }
	python3 fuzz/seeds.py "$(abspath $(TARGET))/fuzz"
	set -e; for target in $(FUZZ_TARGETS); do \
	    dict=fuzz/dictionaries/$${target%_session}.dict; corpus="$(abspath $(TARGET))/fuzz/$$target"; mkdir -p "$$corpus"; \
	    if [ -f "$$dict" ]; then dict="-dict=$$PWD/$$dict"; else dict=; fi; \
	    RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run -s none "$$target" "$$corpus" -- -max_total_time=$(or $(FUZZ_SECONDS),600) \
	        -max_len=4096 -timeout=10 -rss_limit_mb=600 -malloc_limit_mb=200 -print_final_stats=1 $$dict; \
	done

bench: all
	sh scripts/bench.sh "$(TARGET)/release"

clean:
	$(CARGO) clean
