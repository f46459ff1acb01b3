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
DOCDIR ?= $(PREFIX)/share/doc/splinter
ifneq ($(words x$(PREFIX)x$(DESTDIR)x),1)
$(error PREFIX and DESTDIR must not contain spaces)
endif

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Wundef -Wwrite-strings -Wcast-qual
ifdef WERROR
WARN += -Werror
endif
COMMIT := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
ALL_CFLAGS := -std=c11 $(WARN) -fPIC -fvisibility=hidden -pthread $(CFLAGS)
ALL_CPPFLAGS := -Iinclude -Isrc -D_DEFAULT_SOURCE -MMD -MP $(CPPFLAGS)

# clang leaves a sanitizer's symbols for the program to bring.
NO_UNDEFINED := $(if $(findstring -fsanitize,$(CFLAGS)),,-Wl,-z,defs)

CORE := $(patsubst src/%.c,$(BUILD)/src/%.o,$(filter-out src/flat.c, \
	$(wildcard src/*.c)))
CLI := $(patsubst cli/%.c,$(BUILD)/cli/%.o,$(wildcard cli/*.c))
UNIT := $(patsubst test/unit/%.c,%,$(wildcard test/unit/*.c))
FAULT := $(patsubst test/fault/%.c,$(BUILD)/fault_%,$(wildcard test/fault/*.c))
EXAMPLES := $(patsubst examples/%.c,$(BUILD)/example_%, \
	$(wildcard examples/*.c))
LIBS := $(foreach n,splinter splinter_p,$(BUILD)/lib$n.a \
	$(BUILD)/lib$n.so.$(VERSION))
PROGRAMS := $(BUILD)/splinterctl $(BUILD)/splinterpctl
TESTS := $(BUILD)/splinter_test $(BUILD)/splinterp_test

# V=1 shows the commands.
ifndef V
Q := @
say = @echo '  $1'
endif

.PHONY: all help demo tests test valtest check asan ubsan tsan fault models \
	models-long lint fmt fmt-check install uninstall clean
.SECONDARY:

all: $(LIBS) $(PROGRAMS) $(TESTS) $(EXAMPLES)

help:
	@echo 'make             libraries, programs, examples, test programs'
	@echo 'make demo        two processes share and watch a store'
	@echo 'make tests       unit tests of both variants (also: make test)'
	@echo 'make valtest     the same under valgrind'
	@echo 'make asan ubsan tsan   the same, and the fault tests, sanitized'
	@echo 'make fault       concurrency and kill tests'
	@echo 'make models models-long   the protocol, model-checked'
	@echo 'make lint fmt fmt-check'
	@echo 'make check       everything, as CI runs it; installs what it needs'
	@echo 'make install uninstall   PREFIX=$(PREFIX), DESTDIR='

# Objects. What is compiled in depends on these two only.
$(BUILD)/src/store.o: ALL_CPPFLAGS += -DSPLINTER_VERSION='"$(VERSION)"'
$(BUILD)/cli/%.o: ALL_CPPFLAGS += -DSPLINTER_BUILD='"$(COMMIT)"'

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC $@)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/flat_splinter.o $(BUILD)/flat_splinter_p.o: src/flat.c
	@mkdir -p $(@D)
	$(call say,CC $@)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $< \
		-DSPLI_FLAT_KIND=$(if $(findstring _p.o,$@),SPL_FILE,SPL_MEMORY)

# Libraries: the same but for what a name means to the flat API.
$(BUILD)/lib%.a: $(CORE) $(BUILD)/flat_%.o
	$(call say,AR $@)
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/lib%.so.$(VERSION): $(CORE) $(BUILD)/flat_%.o src/splinter.map
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -shared -Wl,-soname,lib$*.so.$(SOMAJOR) \
		-Wl,--version-script=src/splinter.map $(NO_UNDEFINED) -o $@ \
		$(filter %.o,$^)
	$(Q)ln -sf $(@F) $(BUILD)/lib$*.so.$(SOMAJOR)
	$(Q)ln -sf $(@F) $(BUILD)/lib$*.so

$(BUILD)/splinterctl: $(CLI) $(BUILD)/libsplinter.a
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^

$(BUILD)/splinterpctl: $(BUILD)/splinterctl
	$(Q)ln -sf splinterctl $@

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
$(BUILD)/splinter_test: $(call TEST_OBJ,splinter) $(BUILD)/libsplinter.a
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^
$(BUILD)/splinterp_test: $(call TEST_OBJ,splinter_p) $(BUILD)/libsplinter_p.a
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^

$(BUILD)/fault_%: $(BUILD)/test/fault/%.o $(BUILD)/libsplinter.a
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^
$(BUILD)/test/fault/%.o: ALL_CPPFLAGS += -Itest

$(BUILD)/example_%: $(BUILD)/examples/%.o $(BUILD)/libsplinter.a
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^

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

models:
	@test/model/run.sh
models-long:
	@test/model/run.sh long

SOURCES := $(wildcard include/*.h src/*.[ch] cli/*.[ch] test/*.h \
	test/unit/*.[ch] test/fault/*.c examples/*.c)
SCRIPTS := $(wildcard test/*.sh test/*/*.sh examples/*.sh) .ci/run
fmt:
	clang-format -i $(SOURCES)
fmt-check:
	clang-format --dry-run -Werror $(SOURCES)
lint:
	shellcheck $(SCRIPTS)
	clang-tidy --quiet --warnings-as-errors='*' $(wildcard src/*.c cli/*.c) \
		-- -std=c11 $(filter-out -MMD -MP,$(ALL_CPPFLAGS)) \
		-DSPLINTER_VERSION='"$(VERSION)"' -DSPLI_FLAT_KIND=SPL_MEMORY

check:
	@test/check.sh

# Installing.
INSTALLED_BIN := splinterctl splinterpctl
INSTALLED_INCLUDE := splinter.h spl.h
INSTALLED_PC := splinter.pc splinter_p.pc
$(BUILD)/%.pc: packaging/splinter.pc.in Makefile
	@mkdir -p $(@D)
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
		-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' -e 's|@NAME@|$*|' \
		-e 's|@VERSION@|$(VERSION)|' $< >$@

install: $(LIBS) $(PROGRAMS)
	@rm -f $(addprefix $(BUILD)/,$(INSTALLED_PC))
	@$(MAKE) --no-print-directory $(addprefix $(BUILD)/,$(INSTALLED_PC))
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBDIR)/pkgconfig \
		$(DESTDIR)$(INCLUDEDIR) $(DESTDIR)$(DOCDIR)
	install -m 755 $(BUILD)/splinterctl $(DESTDIR)$(BINDIR)/
	ln -sf splinterctl $(DESTDIR)$(BINDIR)/splinterpctl
	install -m 644 $(addprefix include/,$(INSTALLED_INCLUDE)) \
		$(DESTDIR)$(INCLUDEDIR)/
	install -m 644 $(addprefix $(BUILD)/,$(INSTALLED_PC)) \
		$(DESTDIR)$(LIBDIR)/pkgconfig/
	install -m 644 README.md LICENSE CHANGELOG.md $(DESTDIR)$(DOCDIR)/
	for n in splinter splinter_p; do \
		install -m 644 $(BUILD)/lib$$n.a $(DESTDIR)$(LIBDIR)/ && \
		install -m 755 $(BUILD)/lib$$n.so.$(VERSION) \
			$(DESTDIR)$(LIBDIR)/ && \
		ln -sf lib$$n.so.$(VERSION) \
			$(DESTDIR)$(LIBDIR)/lib$$n.so.$(SOMAJOR) && \
		ln -sf lib$$n.so.$(SOMAJOR) $(DESTDIR)$(LIBDIR)/lib$$n.so || \
		exit 1; done
	@# A system-wide install is found by the loader after this.
	@if [ -z '$(DESTDIR)' ] && [ "$$(id -u)" = 0 ]; then ldconfig || :; fi

uninstall:
	rm -f $(addprefix $(DESTDIR)$(BINDIR)/,$(INSTALLED_BIN)) \
		$(addprefix $(DESTDIR)$(INCLUDEDIR)/,$(INSTALLED_INCLUDE)) \
		$(addprefix $(DESTDIR)$(LIBDIR)/pkgconfig/,$(INSTALLED_PC)) \
		$(foreach n,splinter splinter_p,$(addprefix \
		$(DESTDIR)$(LIBDIR)/lib$n,.a .so .so.$(SOMAJOR) .so.$(VERSION)))
	rm -rf $(DESTDIR)$(DOCDIR)

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
