# equibert. `make` builds the library and the programs, `make test` checks them; see `make help`.
.SUFFIXES:
.DELETE_ON_ERROR:

BUILD   := build
PREFIX  ?= /usr/local
CC      ?= cc
ifeq ($(origin CC),default)
CC := cc
endif

# The OpenMP build of OpenBLAS shares its threads with our row loops; with the pthread build two
# pools fight (1.5 times slower, measured). pkg-config finds whichever is installed.
PKGS      := openblas libcjson
HAVE_PKGS := $(shell pkg-config --exists $(PKGS) 2>/dev/null && echo yes)
ifneq ($(HAVE_PKGS),yes)
ifeq ($(filter deps clean help model,$(MAKECMDGOALS)),)
$(error OpenBLAS or cJSON is missing: run 'make deps' (or install libopenblas-openmp-dev libcjson-dev check pkg-config))
endif
endif
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Wno-unknown-pragmas -Wno-pass-failed
# The three floating-point flags let gcc vectorise branch-free exp and tanh and contract to FMA, and
# change no result that IEEE arithmetic defines; -ffast-math would change the host's FPU state.
FLOAT := -fno-math-errno -fno-trapping-math -ffp-contract=fast
OPT   := -O3
ifdef WERROR
WARN += -Werror
endif
comma := ,
ifdef SAN
SANFLAGS := -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
OPT   := -O1
BUILD := build/$(subst $(comma),-,$(SAN))
endif
CPPFLAGS_ALL := -I. -D_XOPEN_SOURCE=700 $(PKG_CFLAGS) $(CPPFLAGS)
CFLAGS_ALL   := -std=c11 $(OPT) -g $(WARN) $(FLOAT) -fopenmp -fPIC -fvisibility=hidden -MMD -MP \
                $(SANFLAGS) $(CFLAGS)
LIBS := $(PKG_LIBS) -lm

ROOMS    := base autograd tokenizer engine losses weights trainer
LIB_SRC  := $(sort $(wildcard $(addsuffix /*.c,$(ROOMS))))
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/%.o)
# programs/x.c is a program, programs/x_*.c are more pieces of it, programs/cli*.c are in all of them.
PROGRAM_SRC := $(wildcard programs/*.c)
PROGRAMS := $(foreach p,$(filter-out programs/cli%,$(PROGRAM_SRC)),$(if $(findstring _,$(p)),,$(basename $(notdir $(p)))))
pieces    = $(patsubst %.c,$(BUILD)/%.o,$(filter programs/$(1).c programs/$(1)_%.c,$(PROGRAM_SRC)))
CLI_OBJ  := $(patsubst %.c,$(BUILD)/%.o,$(wildcard programs/cli*.c))
TEST_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/*.c tests/faults/*.c) \
            tests/fuzz/fuzz_targets.c)
EXAMPLES := $(patsubst examples/%.c,$(BUILD)/examples/%,$(wildcard examples/*.c))
BENCHES  := $(patsubst bench/%.c,$(BUILD)/bench/%,$(wildcard bench/*.c))
STATIC   := $(BUILD)/libequibert.a
SHARED   := $(BUILD)/libequibert.so.0
# Sanitized programs stay in their build folder; plain ones stand in the root.
ifdef SAN
PROGRAM_DIR := $(BUILD)
else
PROGRAM_DIR := .
endif
BINARIES := $(PROGRAMS:%=$(PROGRAM_DIR)/%)

ifdef V
Q :=
else
Q := @
endif
say = @printf '  %-6s %s\n' $(1) $(2)

.PHONY: all test faults fuzz fuzzers model bench parity install deps clean help examples lib
all: lib $(BINARIES) examples
lib: $(STATIC) $(SHARED)
examples: $(EXAMPLES)

$(BUILD)/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -c $< -o $@
$(STATIC): $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^
$(SHARED): $(LIB_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) -shared -Wl,-soname,libequibert.so.0 -fopenmp $(SANFLAGS) $(LDFLAGS) $^ -o $@ $(LIBS)
	$(Q)ln -sf libequibert.so.0 $(BUILD)/libequibert.so
.SECONDEXPANSION:
$(BINARIES): $(PROGRAM_DIR)/%: $$(call pieces,$$*) $(CLI_OBJ) $(STATIC)
	$(call say,LD,$@)
	$(Q)$(CC) -fopenmp $(SANFLAGS) $(LDFLAGS) $^ -o $@ $(LIBS)
$(EXAMPLES) $(BENCHES): $(BUILD)/%: $(BUILD)/%.o $(STATIC)
	$(call say,LD,$@)
	$(Q)$(CC) -fopenmp $(SANFLAGS) $(LDFLAGS) $^ -o $@ $(LIBS)
# The tests make these calls fail (tests/faults/inject.h); a linker that cannot leaves them as they are.
WRAPPED := malloc aligned_alloc realloc free open stat fstat mmap munmap read write fsync close rename \
           unlink rmdir mkdir opendir readdir flock ftruncate lseek
ifeq ($(shell uname -s),Linux)
WRAP := $(WRAPPED:%=-Wl,--wrap=%)
endif
$(BUILD)/run_tests: $(TEST_OBJ) $(STATIC)
	$(call say,LD,$@)
	$(Q)$(CC) -fopenmp $(SANFLAGS) $(LDFLAGS) $(WRAP) $^ -o $@ $(shell pkg-config --libs check) $(LIBS)

# The runner's closing line is Check's: "100%: Checks: ..." Tests run from the root of the tree.
test: all $(BUILD)/run_tests
	$(Q)EQUIBERT_PROGRAMS=$(PROGRAM_DIR) EQUIBERT_BUILD=$(BUILD) tests/architecture.sh
	$(Q)[ -n '$(SUITE)' ] || ! command -v python3 >/dev/null || python3 tests/test_fetch.py $(PROGRAM_DIR)
	$(Q)EQUIBERT_PROGRAMS=$(PROGRAM_DIR) EQUIBERT_BUILD=$(BUILD) OMP_NUM_THREADS=2 \
	    $(BUILD)/run_tests $(SUITE)

# All faults of tests/faults, not only a sample: some minutes, then the table of tests/README.md.
faults: $(BUILD)/run_tests all
	$(Q)EQUIBERT_PROGRAMS=$(PROGRAM_DIR) EQUIBERT_BUILD=$(BUILD) EQUIBERT_FAULTS=all \
	    $(BUILD)/run_tests faults

# A model of the Hugging Face hub, into the cache where the programs find it by its name.
MODEL := google-bert/bert-base-uncased
model:
	$(Q)weights/fetch.sh '$(MODEL)'

# libFuzzer, as many targets at a time as there are processors. What it finds new lies in build/.
FUZZ_SECONDS := 60
FUZZ     := $(shell sed -n 's/^FUZZ(\(.*\))/\1/p' tests/fuzz/fuzz_targets.def)
FUZZ_SAN := fuzzer-no-link,address,undefined
fuzz:
	$(Q)$(MAKE) CC=clang SAN=$(FUZZ_SAN) CPPFLAGS=-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION \
	    fuzzers
	$(Q)tests/fuzz/fuzz.sh build/$(subst $(comma),-,$(FUZZ_SAN))/fuzz $(FUZZ_SECONDS) $(FUZZ)
fuzzers: $(FUZZ:%=$(BUILD)/fuzz/%)
$(BUILD)/fuzz/%: tests/fuzz/fuzz_entry.c $(BUILD)/tests/fuzz/fuzz_targets.o $(STATIC)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -fsanitize=fuzzer -DFUZZ_TARGET=fuzz_$* $(LDFLAGS) $^ \
	    -o $@ $(LIBS)

bench: all $(BENCHES)
	$(Q)bench/run.sh $(BUILD)
parity: all
	$(Q)python3 tests/parity.py

install: all
	install -d $(DESTDIR)$(PREFIX)/include/engine $(DESTDIR)$(PREFIX)/include/trainer
	install -d $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/bin
	install -m 644 engine/equibert.h $(DESTDIR)$(PREFIX)/include/engine/
	install -m 644 trainer/equibert_train.h $(DESTDIR)$(PREFIX)/include/trainer/
	install -m 644 $(STATIC) $(DESTDIR)$(PREFIX)/lib/
	install -m 755 $(SHARED) $(DESTDIR)$(PREFIX)/lib/
	ln -sf libequibert.so.0 $(DESTDIR)$(PREFIX)/lib/libequibert.so
	printf 'prefix=%s\nName: equibert\nDescription: BERT in C with training\nVersion: %s\nCflags: -I$${prefix}/include\nLibs: -L$${prefix}/lib -lequibert\nRequires.private: %s\nLibs.private: -fopenmp -lm\n' \
	    '$(PREFIX)' "$$(sed -n 's/#define EQB_VERSION "\(.*\)"/\1/p' engine/equibert.h)" '$(PKGS)' \
	    > $(DESTDIR)$(PREFIX)/lib/pkgconfig/equibert.pc
	for p in $(PROGRAMS); do install -m 755 $(PROGRAM_DIR)/$$p $(DESTDIR)$(PREFIX)/bin/equibert-$$p; done

deps:
	./install-deps.sh
clean:
	rm -rf build $(PROGRAMS)
help:
	@echo 'make          library (build/libequibert.a, .so) and programs'
	@echo 'make test     all tests; SUITE=name for one; SAN=address,undefined for a sanitized build'
	@echo 'make faults   every memory, disk and file fault there is (a sample of them is in make test)'
	@echo 'make fuzz     FUZZ_SECONDS=60 FUZZ="torch pickle": libFuzzer on each reader (needs clang)'
	@echo 'make bench    speed, as ratios measured in one run'
	@echo 'make model    MODEL=google-bert/bert-base-uncased: download it from the Hugging Face hub'
	@echo 'make parity   compare live with transformers (needs Python with torch)'
	@echo 'make install  PREFIX=/usr/local DESTDIR='
	@echo 'make deps     install the packages (Debian, Ubuntu, Fedora, macOS)'
	@echo 'make V=1 shows the commands; WERROR=1 makes warnings errors'

-include $(LIB_OBJ:.o=.d) $(TEST_OBJ:.o=.d) $(PROGRAM_SRC:%.c=$(BUILD)/%.d) $(EXAMPLES:=.d) \
         $(BENCHES:=.d)
