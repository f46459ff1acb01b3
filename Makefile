# SPDX-License-Identifier: Apache-2.0
# Splinter. `make help` lists what there is to make.

VERSION := 1.0.0
SOMAJOR := 1

CC ?= cc
CFLAGS ?= -O2 -g
BUILD ?= build
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/splinter
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
FISHDIR ?= $(PREFIX)/share/fish/vendor_completions.d
ifneq ($(words x$(subst :, ,$(PREFIX))x$(DESTDIR)x),1)
$(error PREFIX and DESTDIR must not contain spaces, PREFIX no colons)
endif

ifneq ($(filter /%,$(PREFIX)),$(PREFIX))
$(error PREFIX must be an absolute path, not '$(PREFIX)')
endif

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Wundef -Wwrite-strings -Wcast-qual
ifdef WERROR
WARN += -Werror
endif
# A tarball says in packaging/commit what it was made from.
COMMIT := $(or $(shell sed -n 's/^\([0-9a-f]\{7\}\).*/\1/p' packaging/commit \
	2>/dev/null), \
	$(shell [ ! -e .git ] || git rev-parse --short=7 HEAD 2>/dev/null), \
	unknown)
ALL_CFLAGS := -std=c11 $(WARN) -fPIC -fvisibility=hidden -pthread $(CFLAGS)
ALL_CPPFLAGS := -Iinclude -Isrc -D_DEFAULT_SOURCE -MMD -MP $(CPPFLAGS)

# Editing lines at the prompt: LIBEDIT=0 goes without, LIBEDIT=1 insists.
EDIT := $(or $(LIBEDIT),$(shell echo 'int main(void) { el_end(0); }' | \
	$(CC) $(CPPFLAGS) $(CFLAGS) -include histedit.h -x c - $(LDFLAGS) \
	-ledit -o /dev/null 2>/dev/null && echo 1))
ifneq ($(filter-out 0 1,$(EDIT)),)
$(error LIBEDIT is 0 or 1, not '$(LIBEDIT)')
endif
EDIT_FLAG := $(if $(filter 1,$(EDIT)),-DSPLINTER_EDIT=1)
CLI_LIBS = $(if $(EDIT_FLAG),-ledit) $(filter -l% -L%,$(ZLIB) $(ZSTD))

# Packing of exports: gzip and zstd, each where its library is found.
packs = $(shell flags=$$(pkg-config --cflags --libs $1 2>/dev/null || \
	echo $2) && echo 'int main(void) { return $4; }' | \
	$(CC) $(CPPFLAGS) $(CFLAGS) -include $3 -x c - $(LDFLAGS) $$flags \
	-o /dev/null 2>/dev/null && echo "$$flags")
ZLIB := $(call packs,zlib,-lz,zlib.h,!zlibVersion())
ZSTD := $(call packs,libzstd,-lzstd,zstd.h,!ZSTD_versionNumber())
PACK_FLAGS := $(if $(ZLIB),-DSPLINTER_ZLIB=1 $(filter-out -l% -L%,$(ZLIB))) \
	$(if $(ZSTD),-DSPLINTER_ZSTD=1 $(filter-out -l% -L%,$(ZSTD)))

# What a program with libuv is compiled and linked with; nothing without it.
LIBUV := $(shell flags=$$(pkg-config --cflags --libs libuv 2>/dev/null) && \
	echo 'int main(void) { return !uv_version(); }' | \
	$(CC) $(CPPFLAGS) $(CFLAGS) -include uv.h -x c - $(LDFLAGS) $$flags \
	-o /dev/null 2>/dev/null && echo "$$flags")

# clang leaves a sanitizer's symbols for the program to bring.
NO_UNDEFINED := $(if $(findstring -fsanitize,$(CFLAGS)),,-Wl,-z,defs)

CORE := $(patsubst src/%.c,$(BUILD)/src/%.o,$(filter-out src/flat.c, \
	$(wildcard src/*.c)))
CLI := $(patsubst cli/%.c,$(BUILD)/cli/%.o,$(wildcard cli/*.c))
UNIT := $(patsubst test/unit/%.c,%,$(wildcard test/unit/*.c))
FAULT := $(patsubst test/fault/%.c,$(BUILD)/fault_%,$(wildcard test/fault/*.c))
EXAMPLES := $(patsubst examples/%.c,$(BUILD)/example_%, \
	$(filter-out $(if $(LIBUV),,%_libuv.c),$(wildcard examples/*.c)))
BENCH := $(patsubst bench/%.c,$(BUILD)/bench_%,$(wildcard bench/*.c))
LIBS := $(foreach n,splinter splinter_p,$(BUILD)/lib$n.a \
	$(BUILD)/lib$n.so.$(VERSION))
STRESS := $(patsubst stress/%.c,$(BUILD)/stress/%.o,$(wildcard stress/*.c))
CTL_LINKS := splinterpctl splinter_cli splinterp_cli
STRESS_LINKS := splinterp_stress
PROGRAMS := $(addprefix $(BUILD)/,splinterctl $(CTL_LINKS) \
	$(if $(STRESS),splinter_stress $(STRESS_LINKS)))
# The program writes them, so it has to run where it is built; where it does
# not (a cross build), COMPLETIONS=0 goes without.
ifneq ($(COMPLETIONS),0)
COMPLETION_FILES := $(addprefix $(BUILD)/completions/,splinterctl \
	_splinterctl splinterctl.fish)
endif
TESTS := $(BUILD)/splinter_test $(BUILD)/splinterp_test

# V=1 shows the commands.
ifndef V
Q := @
say = @echo '  $1'
endif

.PHONY: all world help demo tests test valtest check asan ubsan tsan fault \
	soak soak-stress bench aarch64 coverage mutate fuzz fuzz-afl models \
	models-long docs-check lint fmt fmt-check install uninstall dist deb \
	clean
.SECONDARY:
.DELETE_ON_ERROR:

all: $(LIBS) $(PROGRAMS) $(COMPLETION_FILES) $(TESTS) $(EXAMPLES)
	$(if $(EDIT),,@echo 'Built without libedit: the prompt will read plain \
	lines, without editing, Tab and recall. libedit-dev brings it.')
	$(if $(ZLIB),,@echo 'Built without zlib: export and import will not \
	know .gz. zlib1g-dev brings it.')
	$(if $(ZSTD),,@echo 'Built without libzstd: export and import will not \
	know .zst. libzstd-dev brings it.')

help:
	@echo 'make             libraries, programs, examples, test programs'
	@echo '                 (LIBEDIT=0: without line editing; 1: insist on it;'
	@echo '                 example_feed_libuv where pkg-config finds libuv)'
	@echo 'make world       the same, docs-check, dist and deb'
	@echo 'make demo        two processes share and watch a store'
	@echo 'make tests test  unit tests of both variants'
	@echo 'make valtest     the same under valgrind'
	@echo 'make asan ubsan tsan   the same, and the fault tests, sanitized'
	@echo 'make fault       concurrency and kill tests'
	@echo 'make soak soak-stress   what finds a fault that shows once in a'
	@echo '                 million times, for hours; of that, half an hour of'
	@echo '                 reads and writes, every byte verified'
	@echo 'make coverage    lines and branches that the tests run; needs llvm'
	@echo 'make bench       wake-ups and retries, beside the bare kernel, a seqlock'
	@echo 'make models models-long   the protocol, model-checked'
	@echo 'make mutate      mutants of src/ and the tests that see them: hours,'
	@echo '                 or MUTATE_SAMPLE=25 of them; MUTATE_OPTIONS=--help'
	@echo 'make aarch64     a cross build, its unit tests under qemu, its barriers'
	@echo 'make fuzz        the command line, and damaged stores, for'
	@echo '                 FUZZ_SECONDS=600; needs clang'
	@echo 'make fuzz-afl    damaged stores, for AFL_SECONDS=600; needs afl++'
	@echo 'make docs-check  README and manual against the programs'
	@echo 'make lint fmt fmt-check   needs clang-format, clang-tidy, shellcheck'
	@echo 'make check       everything, as CI runs it; installs what it needs'
	@echo 'make install uninstall   PREFIX=$(PREFIX), DESTDIR='
	@echo 'make dist        $(DIST), of what is committed'
	@echo 'make deb         Debian packages, from that, into $(BUILD)/'
	@echo 'make clean       removes $(BUILD)/'

# Objects. What is compiled in depends on these only.
$(BUILD)/src/store.o: ALL_CPPFLAGS += -DSPLINTER_VERSION='"$(VERSION)"'
$(BUILD)/cli/%.o: ALL_CPPFLAGS += $(EDIT_FLAG)
SAY_COMMIT := $(addprefix $(BUILD)/,cli/main.o stress/plan.o)
$(SAY_COMMIT): ALL_CPPFLAGS += -DSPLINTER_BUILD='"$(COMMIT)"'

# A file for each setting, touched when it is another than the last time (who
# installs may not be allowed to ask git).
$(SAY_COMMIT): $(BUILD)/setting/commit
$(CLI): $(BUILD)/setting/edit
$(BUILD)/cli/pack.o: $(BUILD)/setting/pack
$(BUILD)/cli/pack.o: ALL_CPPFLAGS += $(PACK_FLAGS)
$(BUILD)/setting/commit: VALUE = $(COMMIT)
$(BUILD)/setting/edit: VALUE = $(EDIT_FLAG)
$(BUILD)/setting/pack: VALUE = $(strip $(PACK_FLAGS))
$(BUILD)/setting/%: FORCE
	@mkdir -p $(@D)
	@$(if $(filter unknown,$(VALUE)),[ -e $@ ] ||) \
	echo '$(VALUE)' | cmp -s - $@ || { rm -f $@; echo '$(VALUE)' >$@; }
.PHONY: FORCE

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC $@)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/flat_splinter.o $(BUILD)/flat_splinter_p.o: src/flat.c
	@mkdir -p $(@D)
	$(call say,CC $@)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $< \
		-DSPLI_FLAT_KIND=$(if $(findstring _p.o,$@),SPL_FILE,SPL_MEMORY)

# COVERED is how `make coverage` compiles what it looks at, and nothing else.
$(BUILD)/src/%.o $(BUILD)/flat_%.o: ALL_CFLAGS += $(COVERED)

# Libraries: the same but for what a name means to the flat API.
$(BUILD)/lib%.a: $(CORE) $(BUILD)/flat_%.o
	$(call say,AR $@)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/lib%.so.$(VERSION): $(CORE) $(BUILD)/flat_%.o src/splinter.map
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -shared -Wl,-soname,lib$*.so.$(SOMAJOR) \
		-Wl,--version-script=src/splinter.map $(NO_UNDEFINED) \
		-Wl,-z,nodelete -o $@ \
		$(filter %.o,$^)
	$(Q)ln -sf $(@F) $(BUILD)/lib$*.so.$(SOMAJOR)
	$(Q)ln -sf $(@F) $(BUILD)/lib$*.so

# What a program does differently under another name, it finds out itself.
$(BUILD)/splinterctl: $(CLI) $(BUILD)/libsplinter.a
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(CLI_LIBS)
$(BUILD)/splinter_stress: $(STRESS) $(BUILD)/libsplinter.a
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^
$(addprefix $(BUILD)/,$(CTL_LINKS)): $(BUILD)/splinterctl
	$(Q)ln -sf $(<F) $@
$(addprefix $(BUILD)/,$(STRESS_LINKS)): $(BUILD)/splinter_stress
	$(Q)ln -sf $(<F) $@

$(COMPLETION_FILES): $(BUILD)/splinterctl
	@mkdir -p $(@D)
	$(call say,GEN $@)
	$(Q)$< --completion $(if $(filter _%,$(@F)),zsh,$(if \
		$(filter %.fish,$@),fish,bash)) >$@

# Test programs. The file variant differs by what the flat API opens.
TEST_OBJ = $(patsubst %,$(BUILD)/test_$1/%.o,$(UNIT))
$(BUILD)/test_splinter/%.o: test/unit/%.c
	@mkdir -p $(@D)
	$(call say,CC $@)
	$(Q)$(CC) $(ALL_CPPFLAGS) -Itest $(ALL_CFLAGS) -DTEST_KIND=SPL_MEMORY \
		-c -o $@ $<
$(BUILD)/test_splinter_p/%.o: test/unit/%.c
	@mkdir -p $(@D)
	$(call say,CC $@)
	$(Q)$(CC) $(ALL_CPPFLAGS) -Itest $(ALL_CFLAGS) -DTEST_KIND=SPL_FILE \
		-c -o $@ $<
# Calls that test/unit/hook.h meets.
HOOKED := $(shell sed -n 's/^\tT(\([a-z_]*\)).*/-Wl,--wrap=\1/p' \
	test/unit/hook.h)
LINKED_splinter_test := $(HOOKED)
LINKED_splinterp_test := $(HOOKED)
$(BUILD)/splinter_test: $(call TEST_OBJ,splinter) $(BUILD)/libsplinter.a
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(LINKED_$(@F)) -o $@ $^
$(BUILD)/splinterp_test: $(call TEST_OBJ,splinter_p) $(BUILD)/libsplinter_p.a
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(LINKED_$(@F)) -o $@ $^

# LINKED_x is what program x needs beside LDFLAGS, which users may set.
$(BUILD)/fault_%: $(BUILD)/test/fault/%.o $(BUILD)/libsplinter.a
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(LINKED_$(@F)) -o $@ $^
$(BUILD)/test/fault/%.o: ALL_CPPFLAGS += -Itest
# Where allocations fail on purpose.
LINKED_fault_syscalls := $(foreach f,malloc calloc realloc free \
	pthread_create,-Wl,--wrap=$f)
# See test/fenced.h.
FENCED := -Wl,--wrap=mmap,--wrap=munmap
LINKED_fault_hostile := $(FENCED)
# What is stepped shall not step the loader, too.
LINKED_fault_step := -Wl,-z,now
LINKED_fault_step_names := -Wl,-z,now

$(BUILD)/example_%: $(BUILD)/examples/%.o $(BUILD)/libsplinter.a
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^

$(BUILD)/examples/%_libuv.o: ALL_CPPFLAGS += $(filter-out -l% -L%,$(LIBUV))
$(BUILD)/example_%_libuv: $(BUILD)/examples/%_libuv.o $(BUILD)/libsplinter.a
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBUV)

$(BUILD)/bench_%: $(BUILD)/bench/%.o $(BUILD)/libsplinter.a
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^

# Fuzzing, with clang's libFuzzer: FUZZ_SECONDS in all.
FUZZ_SECONDS ?= 600
FUZZ := $(patsubst test/fuzz/%.c,$(BUILD)/%,$(wildcard test/fuzz/fuzz_*.c))
FUZZ_PARTS := $(patsubst %.c,$(BUILD)/%.o,$(filter-out test/fuzz/fuzz_%, \
	$(wildcard test/fuzz/*.c))) $(BUILD)/test/fuzz/main.o \
	$(addprefix $(BUILD)/stress/,plan.o stamp.o) \
	$(filter-out $(BUILD)/cli/main.o,$(CLI))

$(BUILD)/test/fuzz/%.o: ALL_CPPFLAGS += -Icli -Itest
# libFuzzer has a main() of its own.
$(BUILD)/test/fuzz/main.o: cli/main.c
	@mkdir -p $(@D)
	$(call say,CC $@)
	$(Q)$(CC) $(ALL_CPPFLAGS) -Dmain=splinterctl_main $(ALL_CFLAGS) \
		-Wno-missing-prototypes -c -o $@ $<
$(BUILD)/fuzz_parts.a: $(FUZZ_PARTS)
	$(call say,AR $@)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^
# No store but its own is within reach of this one.
LINKED_fuzz_line := $(foreach f,spl_create spl_open spl_destroy \
	stat,-Wl,--wrap=$f)
# And nobody waits in this one.
LINKED_fuzz_store := $(FENCED) $(foreach f,clock_gettime \
	nanosleep sched_yield syscall,-Wl,--wrap=$f)
$(BUILD)/fuzz_%: $(BUILD)/test/fuzz/fuzz_%.o $(BUILD)/fuzz_parts.a \
		$(BUILD)/libsplinter.a
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(LINKED_$(@F)) -fsanitize=fuzzer -o $@ $^ \
		$(CLI_LIBS)
# Those of the library alone.
$(addprefix $(BUILD)/fuzz_,store filter): $(BUILD)/fuzz_%: \
		$(BUILD)/test/fuzz/fuzz_%.o $(BUILD)/libsplinter.a
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(LINKED_$(@F)) -fsanitize=fuzzer -o $@ $^

fuzz:
	+@$(MAKE) --no-print-directory CC=clang BUILD=$(BUILD)/fuzz \
		CFLAGS='-O1 -g -fno-omit-frame-pointer \
		-fno-sanitize-recover=all \
		-fsanitize=fuzzer-no-link,address,undefined \
		-DSPLI_TRIES=200' \
		$(FUZZ:$(BUILD)/%=$(BUILD)/fuzz/%) $(BUILD)/fuzz/splinterctl
	@test/fuzz/run.sh $(BUILD)/fuzz $(FUZZ_SECONDS) $(BUILD)/fuzz/corpus

# The one for stores with AFL++, which mutates otherwise.
AFL_SECONDS ?= 600
fuzz-afl:
	@command -v afl-fuzz afl-clang-fast >/dev/null || { \
		echo 'make fuzz-afl: needs afl-fuzz and afl-clang-fast, of afl++'; \
		exit 1; }
	+@AFL_QUIET=1 $(MAKE) --no-print-directory CC=afl-clang-fast \
		BUILD=$(BUILD)/afl LIBEDIT=0 \
		CFLAGS='-O1 -g -fno-omit-frame-pointer \
		-fno-sanitize-recover=all -fsanitize=address,undefined \
		-DSPLI_TRIES=200' $(BUILD)/afl/fuzz_store
	@test/fuzz/afl.sh $(BUILD)/afl/fuzz_store $(AFL_SECONDS) \
		test/fuzz/corpus/store $(BUILD)/afl/found

# Running.
demo: all
	@examples/demo.sh $(BUILD)

tests test: all
	@test/run.sh $(BUILD)/splinter_test $(BUILD)/splinterp_test
	@echo
	@echo 'Further tests: make fault (concurrency, kills), make valtest,'
	@echo 'make asan ubsan tsan, make models, make check (all of them).'

VALGRIND := valgrind -q --error-exitcode=9 --leak-check=full \
	--show-leak-kinds=all --errors-for-leak-kinds=all --track-fds=no \
	--fair-sched=try
valtest: all
	@SPLINTER_TEST_SMALL=1 WRAP='$(VALGRIND)' test/run.sh \
		$(BUILD)/splinter_test $(BUILD)/splinterp_test

fault: all $(FAULT)
	@test/run.sh $(FAULT)

# What finds a fault that shows once in a million times. Each says how far
# it has come; ends with the first that fails.
soak: soak-stress $(addprefix $(BUILD)/fault_,wake feed ttl hostile kill stop \
	step step_names syscalls)
	@$(BUILD)/fault_wake $(or $(SOAK_WAKES),1000000)
	@$(BUILD)/fault_feed $(or $(SOAK_CHANGES),10000000)
	@$(BUILD)/fault_ttl $(or $(SOAK_READS),100000000)
	@$(BUILD)/fault_hostile $(or $(SOAK_HOSTILE),100000000)
	@$(BUILD)/fault_kill $(or $(SOAK_KILLS),1000000)
	@$(BUILD)/fault_stop $(or $(SOAK_STOPS),1000)
	@$(BUILD)/fault_step all
	@$(BUILD)/fault_step_names all
	@$(BUILD)/fault_syscalls all

# Readers and writers as threads, as processes, and with writers being killed.
SOAK_STRESS := --threads 14 --writers 2 --max-value 64K --toggle-vacuum
soak-stress: $(BUILD)/splinter_stress
	@for options in '' --procs '--procs --kill'; do \
		echo "# splinter_stress $(SOAK_STRESS) $$options"; \
		$< --duration-ms $(or $(SOAK_STRESS_MS),600000) \
			$(SOAK_STRESS) $$options || exit 1; \
	done

bench: $(BENCH)
	@for program in $(BENCH); do $$program $(BENCH_OPTIONS) || exit 1; done

SANITIZED = $(MAKE) --no-print-directory BUILD=$(BUILD)/$@ \
	CFLAGS='-O1 -g -fno-omit-frame-pointer $1' \
	SPLINTER_TEST_SMALL=1 tests fault
asan:
	+$(call SANITIZED,-fsanitize=address)
ubsan:
	+$(call SANITIZED,-fsanitize=undefined -fno-sanitize-recover=all)
tsan:
	+$(call SANITIZED,-fsanitize=thread \
		$(if $(findstring clang,$(CC)),,-Wno-tsan))

# Every line of src/, and what the tests do not run. Kills at random moments
# would count what the dead never ran: see test/coverage/coverage.py.
COVERAGE := $(filter-out $(BUILD)/fault_kill,$(TESTS) $(FAULT))
coverage:
	+@$(MAKE) --no-print-directory CC=clang BUILD=$(BUILD)/coverage \
		CFLAGS='-O1 -g' LDFLAGS=-fprofile-instr-generate \
		COVERED='-fprofile-instr-generate -fcoverage-mapping \
		-fprofile-update=atomic -mllvm -runtime-counter-relocation' \
		$(COVERAGE:$(BUILD)/%=$(BUILD)/coverage/%) \
		$(BUILD)/coverage/libsplinter.so.$(VERSION)
	@test/coverage/coverage.py $(BUILD)/coverage \
		$(COVERAGE:$(BUILD)/%=$(BUILD)/coverage/%)

# A smoke test of another machine, under qemu, and its barriers; what it needs
# is gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user.
AARCH64 := $(BUILD)/aarch64
aarch64:
	+@$(MAKE) --no-print-directory BUILD=$(AARCH64) \
		CC=aarch64-linux-gnu-gcc COMPLETIONS=0 LIBEDIT=0 \
		$(AARCH64)/splinterctl $(AARCH64)/splinter_test
	@test/aarch64.sh $(AARCH64)/splinter_test
	@test/model/test_barriers.py

models:
	@test/model/run.sh
models-long:
	@test/model/run.sh long

# Each small mistake in src/ that no test sees has to be argued in survivors.
linked-%:
	@echo '$(LINKED_$*)'
mutate:
	@test/mutation/mutate.py $(if $(MUTATE_SAMPLE),--sample \
		$(MUTATE_SAMPLE)) $(MUTATE_OPTIONS)

# What needs Python and no more; test/check.sh does the rest.
docs-check: all
	@for test in cli/test_docs.sh 'cli/test_readme.sh $(BUILD)' \
		'man/test_man.sh $(BUILD) . api examples commands'; do \
		test/$$test >$(BUILD)/docs-check.log 2>&1 || { \
			grep -v '^ok ' $(BUILD)/docs-check.log; exit 1; }; \
		echo "$${test%% *}: $$(grep -c '^ok ' \
			$(BUILD)/docs-check.log) ok"; done

SOURCES := $(wildcard include/*.h src/*.[ch] cli/*.[ch] stress/*.[ch] \
	test/*.h test/unit/*.[ch] test/fault/*.[ch] test/fuzz/*.[ch] \
	examples/*.c bench/*.[ch])
SCRIPTS := $(wildcard test/*.sh test/*/*.sh examples/*.sh packaging/*.sh) \
	.ci/run
fmt:
	clang-format -i $(SOURCES)
fmt-check:
	clang-format --dry-run -Werror $(SOURCES)
lint:
	shellcheck $(SCRIPTS)
	@echo 'clang-tidy, every source of the library and the programs'
	@printf '%s\n' $(wildcard src/*.c cli/*.c stress/*.c) | xargs -P 2 -I{} \
		clang-tidy --quiet --warnings-as-errors='*' {} -- -std=c11 \
		$(EDIT_FLAG) $(PACK_FLAGS) $(filter-out -MMD -MP,$(ALL_CPPFLAGS)) \
		-DSPLINTER_VERSION='"$(VERSION)"' -DSPLI_FLAT_KIND=SPL_MEMORY

check:
	@test/check.sh

# Installing. Files as MODE:DIRECTORY:FILE, links as LINK:TARGET. A page has
# links for the further names that it explains.
PC := $(BUILD)/splinter.pc $(BUILD)/splinter_p.pc
$(PC): packaging/splinter.pc.in $(BUILD)/setting/directories
	$(Q)rm -f $@
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
		-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' -e 's|@VERSION@|$(VERSION)|' \
		-e 's|@NAME@|$(basename $(@F))|' $< >$@
$(BUILD)/setting/directories: VALUE = $(PREFIX) $(LIBDIR) $(INCLUDEDIR)

MAN := $(wildcard man/*.[1-8])
files = $(foreach f,$3,$1:$2:$f)
FILES = $(call files,755,$(BINDIR),$(BUILD)/splinterctl) \
	$(if $(STRESS),$(call files,755,$(BINDIR),$(BUILD)/splinter_stress)) \
	$(call files,644,$(LIBDIR),$(filter %.a,$(LIBS))) \
	$(call files,755,$(LIBDIR),$(filter-out %.a,$(LIBS))) \
	$(call files,644,$(LIBDIR)/pkgconfig,$(PC)) \
	$(call files,644,$(INCLUDEDIR),include/splinter.h include/spl.h) \
	$(call files,644,$(DOCDIR),README.md LICENSE CHANGELOG.md \
	ARCHITECTURE.md CONTRIBUTING.md CODE_OF_CONDUCT.md SECURITY.md) \
	$(call files,644,$(DOCDIR)/docs,$(wildcard docs/*.md)) \
	$(foreach f,$(MAN),644:$(MANDIR)/man$(subst .,,$(suffix $f)):$f) \
	$(if $(COMPLETION_FILES),$(join $(addsuffix :,$(addprefix 644:, \
	$(BASHDIR) $(ZSHDIR) $(FISHDIR))),$(COMPLETION_FILES)))
LINKS = $(foreach n,splinter splinter_p, \
	$(LIBDIR)/lib$n.so.$(SOMAJOR):lib$n.so.$(VERSION) \
	$(LIBDIR)/lib$n.so:lib$n.so.$(SOMAJOR)) \
	$(foreach n,$(CTL_LINKS),$(BINDIR)/$n:splinterctl \
	$(if $(COMPLETION_FILES),$(BASHDIR)/$n:splinterctl \
	$(FISHDIR)/$n.fish:splinterctl.fish)) \
	$(if $(STRESS),$(BINDIR)/$(STRESS_LINKS):splinter_stress) \
	$(addprefix $(MANDIR)/,$(shell packaging/man-links.sh $(MAN)))

install: $(LIBS) $(PROGRAMS) $(COMPLETION_FILES) $(PC)
	@set -e; for entry in $(FILES); do \
		IFS=:; set -- $$entry; unset IFS; \
		echo "  INSTALL $(DESTDIR)$$2/$${3##*/}"; \
		install -D -m "$$1" "$$3" "$(DESTDIR)$$2/$${3##*/}"; done
	@set -e; for entry in $(LINKS); do \
		echo "  LINK $(DESTDIR)$${entry%%:*}"; \
		ln -sf "$${entry#*:}" "$(DESTDIR)$${entry%%:*}"; done
	@# A system-wide install is found by the loader after this.
	@if [ -z '$(DESTDIR)' ] && [ "$$(id -u)" = 0 ]; then ldconfig || :; fi

# The same lists. Directories stay, but for the one that nobody else uses.
part = $(word $1,$(subst :, ,$2))
uninstall:
	@rm -f $(addprefix $(DESTDIR),$(foreach f,$(FILES), \
		$(call part,2,$f)/$(notdir $(call part,3,$f))) \
		$(foreach l,$(LINKS),$(call part,1,$l)))
	@for dir in $(DESTDIR)$(DOCDIR)/docs $(DESTDIR)$(DOCDIR); do \
		! [ -d $$dir ] || rmdir --ignore-fail-on-non-empty $$dir; done

# Releasing. What is in the tarball is what is committed; in a tree that came
# from a tarball, everything but what was built.
DIST_NAME := splinter-$(VERSION)
DIST := $(BUILD)/$(DIST_NAME).tar.gz
dist:
	@mkdir -p $(BUILD)
	$(call say,DIST $(DIST))
	$(Q)packaging/dist.sh $(DIST_NAME) $(BUILD) >$(DIST)
deb: dist
	@packaging/deb.sh $(DIST) $(BUILD)
world: all
	@if command -v python3 >/dev/null; then \
		$(MAKE) --no-print-directory docs-check; \
	else echo 'make world: docs-check needs python3, left out'; fi
	@if packaging/deb.sh check; then \
		$(MAKE) --no-print-directory deb; \
	else \
		echo 'make world: the Debian packages are left out'; \
		$(MAKE) --no-print-directory dist; \
	fi

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -path $(BUILD)/deb -prune -o -name '*.d' \
	-print 2>/dev/null)
