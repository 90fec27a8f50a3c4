# Makefile -- builds anec; `make help` lists what else it can do.
#
#   BUILD=folder   where everything goes (default build)
#   CC=compiler    gcc where there is one
#   V=1            shows the commands whole
#   SAN=1          with the address and undefined-behaviour sanitizers (make san does it all)

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SUFFIXES:

BUILD ?= build
AR := ar
ifeq ($(origin CC),default)
CC := $(if $(shell command -v gcc),gcc,cc)
endif

# A line names what is made; the command itself is shown with V=1.
ifdef V
say =
else
say = @echo '  $(1)';
endif

comma := ,

# ---- flags ----------------------------------------------------------------------------------------

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wconversion
STD := -std=c11 -D_GNU_SOURCE -D_DARWIN_C_SOURCE
# Without contraction a product and a sum round twice everywhere, so all platforms agree; errno of
# mathematical functions is never read, and keeping it would keep loops with a root scalar.
CFLAGS ?= -O2 -g
LDLIBS := -lcjson -lpthread -lm -ldl
# PNG is read and written where libpng is; without it, and in the cross build, asking for it is an error.
PNG ?= $(if $(CROSS),,$(wildcard /usr/include/png.h /usr/local/include/png.h /opt/homebrew/include/png.h))
# Oracles of unit tests, where Debian's packages are: libsleef-dev, libdnnl-dev.
SLEEF ?= $(if $(CROSS),,$(wildcard /usr/include/sleef.h /usr/include/*/sleef.h))
DNNL ?= $(if $(CROSS),,$(wildcard /usr/include/dnnl.h /usr/include/*/dnnl.h))
ifdef SAN
override CFLAGS += -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
override LDFLAGS += -fsanitize=address,undefined
endif
ifdef TSAN
override CFLAGS += -O1 -fsanitize=thread
override LDFLAGS += -fsanitize=thread
endif
ifdef FUZZ
override CFLAGS += -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
override LDFLAGS += -fsanitize=address,undefined
endif
ifdef WERROR
WARN += -Werror
endif
ifneq ($(shell uname -s),Linux)
BREW := $(shell brew --prefix 2>/dev/null)
STD += $(if $(BREW),-I$(BREW)/include)
override LDFLAGS += $(if $(BREW),-L$(BREW)/lib)
endif
ifneq ($(PNG),)
STD += -DANEC_PNG
LDLIBS += -lpng
endif
ifdef CROSS
# Another machine's build: cJSON is compiled along, from its source.
STD += -isystem .tools -isystem .tools/cmocka/include
WARN += -Wno-enum-float-conversion # of a newer clang, about enums that are names of numbers
LDLIBS := $(filter-out -lcjson,$(LDLIBS))
endif
# The room for what is a thread's is there from the start: the C library ends a host that has none for it later.
TLS := $(if $(filter Linux,$(shell uname -s)),-ftls-model=initial-exec)
COMPILE = $(CC) $(STD) -I$(GEN)/ir -I$(GEN)/ir/ops $(TLS) $(CFLAGS) -ffp-contract=off -fno-math-errno -fPIC -pthread -MMD -MP

# ---- what there is --------------------------------------------------------------------------------
# Sources are found: a new file in one of these folders is compiled and linked. tools/ane*.c are
# programs; tools/run_*.c are parts of anerun, and what else is in tools is shared by them.

DIRS := base ir ir/ops ir/mil ir/onnx ir/coreai ir/passes ir/targets frontend backends probe lib $(patsubst %/,%,$(wildcard backends/*/))
GEN := $(BUILD)/gen
SRC := $(foreach d,$(DIRS),$(wildcard $(d)/*.c))
RE := $(foreach d,$(DIRS),$(wildcard $(d)/*.re))
LEMON := $(foreach d,$(DIRS),$(wildcard $(d)/*.y))
EMBED := frontend/std.anedsl lib/llama.anedsl
# Folders of programs in MIL text, which the library carries: those of rules, limits and operations.
TEXTS := $(addprefix $(GEN)/,ir/targets/probes probe/limits probe/ops probe/start)
GENERATED := $(RE:%.re=$(GEN)/%.c) $(LEMON:%.y=$(GEN)/%.c) $(EMBED:%.anedsl=$(GEN)/%.c) $(GEN)/ir/coreai/core_helpers.c $(GEN)/ir/ops/params.c $(TEXTS:=/texts.c)
# What C sees of the op table's parameters: ir/ops.
PARAM_HEADERS := $(GEN)/ir/ops/params.h $(GEN)/ir/ops/builders.h
# Chips: a row each.
CHIP_FILES := $(sort $(wildcard ir/targets/chips/*.def))
CHIP_NAMES := sed -n 's/^CHIP(\([a-z0-9]*\),.*/CHIP_NAME(\1)/p'
CHIP_TABLES := $(GEN)/ir/chip_names.def $(GEN)/ir/targets/chip_rows.def
OBJ := $(SRC:%.c=$(BUILD)/%.o) $(GENERATED:.c=.o) $(if $(CROSS),$(BUILD)/.tools/cjson/cJSON.o)

PROGRAM_SRC := $(wildcard tools/ane*.c)
PROGRAMS := $(PROGRAM_SRC:tools/%.c=$(BUILD)/%)
# anerun is a client of the library: include/anec.h is all that it knows of it (tests/layers.sh).
# What stands on anerun.c is no other tool's.
RUN_SRC := $(wildcard tools/run_*.c)
CLIENT_OBJ := $(patsubst %,$(BUILD)/tools/%.o,anerun given trace watch main options help completion) $(RUN_SRC:%.c=$(BUILD)/%.o)
# So are anetrain and anegen, whose work is train/.
TRAIN_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard train/*.c)) $(GEN)/train/live.o
TRAIN_LIB := $(BUILD)/libtrain.a
SHARED_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(PROGRAM_SRC) $(RUN_SRC),$(wildcard tools/*.c)))
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNITS := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/%)
UNIT_SHARED := $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c)))
LIB := $(BUILD)/libanec.a
UNIT_LIB := $(BUILD)/unit/libunit.a
INJECT := $(BUILD)/inject.so
NOMEM := $(if $(filter Linux,$(shell uname -s)),$(BUILD)/nomem.so)
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZERS := $(FUZZ_SRC:tests/fuzz/fuzz_%.c=$(BUILD)/fuzz/%)

# The stand-in for Apple's libraries, with the library inside it.
STANDIN_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(wildcard standin/*.c)) $(GEN)/standin/attributes.o
STANDIN := $(BUILD)/libanesim.so

# The library to link with, which shows what include/anec.h declares and nothing else.
FOR_MAC := $(or $(filter Darwin,$(shell uname -s)),$(findstring macos,$(CC)))
ifneq ($(FOR_MAC),)
# Nothing is exported but what include/anec.h marks so. Who links with it says where it looks; anec.pc does.
override CFLAGS += -fvisibility=hidden
# Room for the signature's load command (.ci/macho.c).
override LDFLAGS += $(if $(CROSS),-Wl$(comma)-headerpad$(comma)0x100)
SHARED := $(BUILD)/libanec.dylib
EXPORTS = -Wl,-install_name,@rpath/libanec.dylib
else
SHARED := $(BUILD)/libanec.so
EXPORTS = -Wl,--version-script=include/anec.map -Wl,-soname,libanec.so.0
endif

.PHONY: all deps headers objects clean help
.SECONDARY: $(GENERATED)
all: $(PROGRAMS) $(LIB) $(SHARED) $(if $(findstring macos,$(CC)),,$(STANDIN))
# What the build writes and C includes; `make mutate` compiles single sources beside it.
headers: $(LEMON:%.y=$(GEN)/%.h) $(PARAM_HEADERS) $(CHIP_TABLES) $(TEXTS:=_texts.h) $(GEN)/train/rules_sum.h $(GEN)/backends/cpu/pack_sum.h
objects: $(OBJ) $(STANDIN_OBJ) $(SHARED_OBJ) $(TRAIN_OBJ) $(RUN_SRC:%.c=$(BUILD)/%.o) $(PROGRAM_SRC:%.c=$(BUILD)/%.o)

deps:
	@.ci/deps build

# ---- compiling ------------------------------------------------------------------------------------
# Token numbers come from the grammar: generated headers are there before anything is compiled.
# A file sees its own folder's generated headers, a generated file its own folder.

$(OBJ) $(STANDIN_OBJ) $(SHARED_OBJ) $(TRAIN_OBJ) $(RUN_SRC:%.c=$(BUILD)/%.o) $(PROGRAM_SRC:%.c=$(BUILD)/%.o): | deps $(LEMON:%.y=$(GEN)/%.h)
$(UNIT_SRC:%.c=$(BUILD)/%.o) $(UNIT_SHARED): | deps test-deps

$(BUILD)/%.o: %.c | $(PARAM_HEADERS) $(CHIP_TABLES) $(TEXTS:=_texts.h)
	@mkdir -p $(@D)
	$(call say,$<)$(COMPILE) $(WARN) -I$(GEN)/$(<D) -c $< -o $@

# Kernels are compiled once for each kind of processor, from the same text (backends/vector).
X86 := $(if $(CROSS),$(findstring x86_64,$(CC)),$(filter x86_64,$(shell uname -m)))
$(BUILD)/backends/vector/isa_%.o: override CFLAGS += -O3
ifneq ($(X86),)
$(BUILD)/backends/vector/isa_avx2.o: override CFLAGS += -mavx2 -mfma -mf16c -mbmi2
$(BUILD)/backends/vector/isa_avx512.o: override CFLAGS += -mavx512f -mavx512dq -mfma -mf16c
# Sanitizers see the plain kernels; with them in vectors, compiling takes minutes.
ifneq ($(SAN)$(TSAN)$(FUZZ),)
$(BUILD)/backends/vector/isa_avx%.o: override CFLAGS += -fno-sanitize=all
endif
endif

# gcc 12 makes vectors of the loops that normal numbers come from only so: 3.6 ns each instead of 9.9.
$(BUILD)/base/rng.o: override CFLAGS += -O3

$(GEN)/%.o: $(GEN)/%.c | $(PARAM_HEADERS) $(CHIP_TABLES)
	@mkdir -p $(@D)
	$(call say,$<)$(COMPILE) -Wall $(if $(WERROR),-Werror) -I$(@D) -I$(@D:$(GEN)/%=%) -c $< -o $@

$(GEN)/%.c: %.re | deps
	@mkdir -p $(@D)
	$(call say,$<)re2c -W -Werror --no-debug-info --no-generation-date -o $@ $<

# lemon's exit status counts conflicts as errors; the header is written beside the parser, and
# touched so that what includes it is made again.
$(GEN)/%.c: %.y | deps
	@mkdir -p $(@D)
	$(call say,$<)lemon -q -l -d$(@D) $<

$(LEMON:%.y=$(GEN)/%.h): $(GEN)/%.h: $(GEN)/%.c
	@touch $@

# The op table as C sees it, by a program that runs where the build does.
HOSTCC ?= $(if $(CROSS),$(firstword $(shell command -v gcc cc clang)),$(CC))
WRITE_PARAMS := $(GEN)/ir/ops/params
$(WRITE_PARAMS): ir/ops/table/params.c $(wildcard ir/ops/*.def) | deps
	@mkdir -p $(@D)
	$(call say,$<)$(HOSTCC) -std=c11 -O1 -Wall -Wextra $(if $(WERROR),-Werror) $< -o $@

$(GEN)/ir/ops/params.h: $(WRITE_PARAMS)
	@$< ids > $@
$(GEN)/ir/ops/builders.h: $(WRITE_PARAMS)
	@$< builders > $@
$(GEN)/ir/ops/params.c: $(WRITE_PARAMS)
	@$< slots > $@

# The chips' names alone, for facts about them (ir/targets/targets.h), and their rows, for the table (ir/targets/targets.c).
$(GEN)/ir/chip_names.def: $(CHIP_FILES)
	@mkdir -p $(@D)
	@{ cat $(CHIP_FILES) | $(CHIP_NAMES); echo '#undef CHIP_NAME'; } > $@
$(GEN)/ir/targets/chip_rows.def: $(CHIP_FILES)
	@mkdir -p $(@D)
	@{ for f in $(CHIP_FILES); do echo "#line 1 \"$$f\""; cat $$f; done; echo '#undef CHIP'; } > $@

# Which rules and limits of chips a build knows, for checkpoints.
$(GEN)/train/rules_sum.h: $(wildcard ir/targets/*.def) $(CHIP_FILES) $(wildcard ir/ops/*.def)
	@mkdir -p $(@D)
	@cat $^ | cksum | sed 's/^\([0-9]*\) \([0-9]*\).*/#define RULES_SUM "\1-\2"/' > $@
$(BUILD)/train/kept.o: $(GEN)/train/rules_sum.h

# Which sources pack weights for the processor's kernels, for what is kept of them: all that computes a number of them.
$(GEN)/backends/cpu/pack_sum.h: $(foreach d,base ir ir/ops backends/plan backends/ref backends/vector backends/cpu,$(wildcard $(d)/*.[ch] $(d)/*.def))
	@mkdir -p $(@D)
	@cat $^ | cksum | sed 's/^\([0-9]*\) \([0-9]*\).*/#define PACK_SUM "\1-\2"/' > $@
$(BUILD)/backends/cpu/flat_kept.o: $(GEN)/backends/cpu/pack_sum.h

# A text as bytes (the language's library, the dump that the stand-in answers by): a string literal would
# end where ISO C lets it.
$(GEN)/%.c: %.anedsl
	$(embed)
$(GEN)/%.c: %.dump
	$(embed)
$(GEN)/%.c: %.html
	$(embed)
$(GEN)/%.c: %.py
	$(embed)
# Kept, as what rules alone know of is deleted and made anew by the next make, and what is linked of it too.
.SECONDARY: $(GEN)/standin/attributes.c $(GEN)/train/live.c

# Texts of a folder, each as bytes for the same reason, and a header that names them: .ci/texts.awk.
.SECONDEXPANSION:
$(TEXTS:=_texts.h): $(GEN)/%_texts.h: .ci/texts.awk $$* $$(wildcard $$*/*.mil)
	@mkdir -p $(@D)
	@ls $*/*.mil | LC_ALL=C sort | awk -v folder=$(*F) -f $< > $@
$(TEXTS:=/texts.c): $(GEN)/%/texts.c: $$* $$(wildcard $$*/*.mil) | $(GEN)/%_texts.h
	@mkdir -p $(@D)
	$(call say,$*)for f in $(sort $(filter %.mil,$^)); do n=$$(basename $$f .mil | tr .- __); \
	   echo "extern const char $(*F)_$$n[];"; echo "const char $(*F)_$$n[] = {"; \
	   od -An -v -tu1 $$f | sed 's/[0-9][0-9]*/&,/g'; echo '0};'; done > $@

define embed
	@mkdir -p $(@D)
	$(call say,$<){ echo '#include <stddef.h>'; echo 'extern const unsigned char $(*F)_text[]; extern const size_t $(*F)_size;'; \
	   echo 'const unsigned char $(*F)_text[] = {'; od -An -v -tu1 $< | sed 's/[0-9][0-9]*/&,/g'; echo '};'; \
	   echo 'const size_t $(*F)_size = sizeof $(*F)_text;'; } > $@
endef

$(LIB): $(OBJ)
	@rm -f $@
	$(call say,$@)$(AR) rcs $@ $(OBJ)

# Programs that are linked with it look for its soname.
$(SHARED): $(OBJ) include/anec.map
	$(call say,$@)$(CC) $(CFLAGS) $(LDFLAGS) -shared $(OBJ) $(EXPORTS) $(LDLIBS) -o $@
	$(if $(filter %.so,$@),@ln -sf $(@F) $@.0)

# It exports what Apple's libraries do and nothing of ours, so that a program which has the library
# too keeps its own.
$(STANDIN_OBJ): override CFLAGS += -fvisibility=hidden
$(STANDIN): $(STANDIN_OBJ) $(LIB)
	$(call say,$@)$(CC) $(CFLAGS) $(LDFLAGS) -shared $(STANDIN_OBJ) $(LIB) $(if $(FOR_MAC),,-Wl$(comma)--version-script=standin/exports.map -Wl$(comma)-Bsymbolic) $(LDLIBS) $(if $(CROSS),$(if $(FOR_MAC),,-lunwind)) -o $@

$(TRAIN_LIB): $(TRAIN_OBJ)
	@rm -f $@
	$(call say,$@)$(AR) rcs $@ $(TRAIN_OBJ)

$(BUILD)/anetrain $(BUILD)/anegen: $(BUILD)/%: $(BUILD)/tools/%.o $(patsubst %,$(BUILD)/tools/%.o,main options help completion) $(TRAIN_LIB) $(LIB)
	$(call say,$@)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(filter-out $(addprefix $(BUILD)/,anerun anetrain anegen),$(PROGRAMS)): $(BUILD)/%: $(BUILD)/tools/%.o $(SHARED_OBJ) $(LIB)
	$(call say,$@)$(CC) $(CFLAGS) $(LDFLAGS) $< $(SHARED_OBJ) $(LIB) $(LDLIBS) -o $@

# The archive is linked in, so that the program runs wherever it is copied to, and on a Mac from the
# cross compiler. anerun-shared has the library as everybody gets it, and of the archive base alone, which
# knows nothing of compilers: it links if anerun calls nothing else (tests/api.sh runs it).
$(BUILD)/anerun: $(CLIENT_OBJ) $(LIB)
	$(call say,$@)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(BUILD)/anerun-shared: $(CLIENT_OBJ) $(filter $(BUILD)/base/%,$(OBJ)) $(SHARED)
	$(call say,$@)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@

# ---- tests ----------------------------------------------------------------------------------------
# tests/check.py lists the suites. Unit tests are programs, tests/unit/test_*.c, each linked with the
# library. make golden rewrites expected outputs: `git diff` is the review.

.PHONY: check units golden san memcheck san-gcc san-clang test-deps
check: test-deps
	@+$(MAKE) $(if $(filter -j%,$(MAKEFLAGS)),,-j$(or $(JOBS),$(shell getconf _NPROCESSORS_ONLN))) WERROR=1 check-built
	@MAKE="$(MAKE)" tests/check.py $(BUILD)
.PHONY: check-built
check-built: all $(if $(filter Linux,$(shell uname -s)),m9) $(BUILD)/vad $(BUILD)/digits-demo $(BUILD)/pair \
  $(BUILD)/side $(BUILD)/onednn_peer $(BUILD)/families $(BUILD)/ops-doc $(UNITS) $(FUZZERS) $(NOMEM) $(INJECT)

units: $(UNITS)
	@tests/units.sh $(BUILD)

REWRITTEN := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(shell grep -l rewritten_end $(UNIT_SRC)))
golden: all $(REWRITTEN)
	@tests/golden.sh --write $(BUILD)
	@set -e; for t in $(REWRITTEN); do ANEC_WRITE=1 $$t >$$t.log 2>&1 || { cat $$t.log; exit 1; }; done

# Everything again under the sanitizers of both compilers, which do not find the same. Leaks count as errors.
# valgrind sees what was never written to, in a build without them.
san: san-gcc san-clang memcheck
memcheck: test-deps
	@+$(MAKE) all
	@tests/memcheck.sh $(BUILD)
san-gcc san-clang: san-%: test-deps
	@+$(MAKE) BUILD=build-san-$* CC=$* SAN=1 all
	@+$(MAKE) BUILD=build-san-$* CC=$* SAN=1 fuzzers units
	@tests/fuzz/run.sh build-san-$*
	@GOLDEN_SLOW=1200 tests/golden.sh build-san-$*

# What makes requests for memory fail: tests/memory.sh. For the C library whose names it takes.
$(BUILD)/nomem.so: tests/memory/nomem.c
	@mkdir -p $(@D)
	$(call say,$@)$(CC) -O2 -Wall -Wextra $(if $(WERROR),-Werror) -shared -fPIC $< -o $@

# The library's threads under the thread sanitizer.
.PHONY: tsan
tsan: test-deps
	@+$(MAKE) BUILD=build-tsan TSAN=1 build-tsan/unit/test_api build-tsan/unit/test_library
	@TSAN_OPTIONS=halt_on_error=1 build-tsan/unit/test_api
	@TSAN_OPTIONS=halt_on_error=1 build-tsan/unit/test_library

# Changes the sources, one place at a time, and looks whether the tests notice: SEED=, COUNT=.
SEED ?= 1
COUNT ?= 160
.PHONY: mutate
mutate: test-deps
	@python3 tests/mutate/run.py --seed $(SEED) --count $(COUNT)

# Which conditions no test makes true, or false: tests/conditions.py, by what clang counts.
COUNTED := CC=clang CFLAGS="-O1 -fcoverage-mapping -fcoverage-compilation-dir=. -fprofile-instr-generate=$(CURDIR)/build-cov/profiles/%4m.profraw"
.PHONY: conditions
conditions: test-deps
	@+$(MAKE) BUILD=build-cov $(COUNTED) check-built
	@MAKE="$(MAKE)" tests/conditions.py build-cov

# Runs of anetrain beside those of another implementation, all of them: minutes on each engine.
CURVES ?= ref,cpu,sim:m1,sim:m3,sim:m5
.PHONY: curves
curves: all
	@PATH="$(abspath $(BUILD)):$$PATH" python3 tests/train/curves.py . ../shared/training/curves $(CURVES)

test-deps:
	@.ci/deps check

$(INJECT): $(BUILD)/tests/faults/inject.o
	$(call say,$@)$(CC) -shared $< -ldl -o $@

CMOCKA := $(if $(CROSS),$(BUILD)/.tools/cmocka/src/cmocka.o,-lcmocka)
$(filter %.o,$(CMOCKA)): WARN := -w -DHAVE_SIGNAL_H=1 -DHAVE_STRUCT_TIMESPEC=1
$(BUILD)/.tools/cjson/cJSON.o: WARN := -w
$(UNITS): $(filter %.o,$(CMOCKA)) | $(STANDIN)

ifneq ($(SLEEF),)
$(BUILD)/tests/unit/test_vector.o: STD += -DANEC_SLEEF
$(BUILD)/unit/test_vector: LDLIBS += -lsleef
endif

ifneq ($(DNNL),)
$(BUILD)/tests/unit/onednn.o $(BUILD)/tests/unit/test_onednn.o $(BUILD)/tests/bench/onednn_peer.o: STD += -DANEC_DNNL
$(BUILD)/unit/test_onednn $(BUILD)/onednn_peer: LDLIBS += -ldnnl
endif

# What test programs share is an archive: each links only what it calls.
$(UNIT_LIB): $(UNIT_SHARED)
	@mkdir -p $(@D)
	@rm -f $@
	$(call say,$@)$(AR) rcs $@ $(UNIT_SHARED)

$(UNITS): $(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(UNIT_LIB) $(TRAIN_LIB) $(LIB)
	$(call say,$@)$(CC) $(CFLAGS) $(LDFLAGS) $< $(UNIT_LIB) $(TRAIN_LIB) $(LIB) $(CMOCKA) $(LDLIBS) -o $@

# The tools with one chip more, a made-up one: all that is compiled anew is what holds the table of chips and
# the list of their names, which stand before the library's own.
M9 := $(BUILD)/m9
M9_OBJ := $(M9)/ir/targets/targets.o $(M9)/backends/sim/sim.o
M9_GEN := $(M9)/gen
M9_TOOLS := $(M9)/anec $(M9)/anerun $(M9)/aneprobe $(M9)/libanesim.so
.PHONY: m9
m9: $(M9_TOOLS)
$(M9_GEN)/chip_names.def $(M9_GEN)/chip_rows.def: $(CHIP_FILES) tests/chips/m9.def
	@mkdir -p $(@D)
	@cat $(CHIP_FILES) tests/chips/m9.def | $(if $(findstring names,$(@F)),$(CHIP_NAMES),cat) > $@
	@echo '#undef $(if $(findstring names,$(@F)),CHIP_NAME,CHIP)' >> $@
$(M9_OBJ): $(M9)/%.o: %.c $(M9_GEN)/chip_names.def $(M9_GEN)/chip_rows.def | $(PARAM_HEADERS)
	@mkdir -p $(@D)
	$(call say,$< with m9)$(CC) -I$(M9_GEN) $(wordlist 2,99,$(COMPILE)) $(WARN) -c $< -o $@
$(M9)/anec $(M9)/aneprobe: $(M9)/%: $(BUILD)/tools/%.o $(SHARED_OBJ) $(M9_OBJ) $(LIB)
	$(call say,$@)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@
$(M9)/anerun: $(CLIENT_OBJ) $(M9_OBJ) $(LIB)
	$(call say,$@)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@
$(M9)/libanesim.so: $(STANDIN_OBJ) $(M9_OBJ) $(LIB)
	$(call say,$@)$(CC) $(CFLAGS) $(LDFLAGS) -shared $(STANDIN_OBJ) $(M9_OBJ) $(LIB) -Wl,--version-script=standin/exports.map -Wl,-Bsymbolic $(LDLIBS) -o $@

# ---- installing ---------------------------------------------------------------------------------------
# make install PREFIX=/usr/local DESTDIR=: programs, library, header, pkg-config file, man pages. The
# archive is one object whose other names are its own.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
VERSION := 0.1
.PHONY: install
install: all man completions $(BUILD)/install/libanec.a
	install -d $(addprefix $(DESTDIR),$(PREFIX)/bin $(LIBDIR)/pkgconfig $(PREFIX)/include $(PREFIX)/share/man/man1)
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	install -m 644 include/anec.h $(DESTDIR)$(PREFIX)/include
	install -m 644 $(BUILD)/install/libanec.a $(DESTDIR)$(LIBDIR)
	install -m 755 $(SHARED) $(DESTDIR)$(LIBDIR)/$(notdir $(SHARED))$(if $(filter %.so,$(SHARED)),.0)
	$(if $(filter %.so,$(SHARED)),ln -sf libanec.so.0 $(DESTDIR)$(LIBDIR)/libanec.so)
	install -m 755 $(STANDIN) $(DESTDIR)$(LIBDIR)
	sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR:$(PREFIX)/%=$${prefix}/%)|; s|@VERSION@|$(VERSION)|; s|@LIBS@|$(LDLIBS)|; s|@RPATH@|$(if $(FOR_MAC),-Wl$(comma)-rpath$(comma)$${libdir})|' include/anec.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/anec.pc
	install -m 644 $(MAN) $(DESTDIR)$(PREFIX)/share/man/man1
	install -d $(addprefix $(DESTDIR)$(PREFIX)/share/,$(COMPLETED))
	install -m 644 $(COMPLETIONS)/bash/* $(DESTDIR)$(PREFIX)/share/$(word 1,$(COMPLETED))
	install -m 644 $(COMPLETIONS)/zsh/* $(DESTDIR)$(PREFIX)/share/$(word 2,$(COMPLETED))
	install -m 644 $(COMPLETIONS)/fish/* $(DESTDIR)$(PREFIX)/share/$(word 3,$(COMPLETED))

$(BUILD)/install/libanec.a: $(OBJ)
	@mkdir -p $(@D)
	@rm -f $@
	$(call say,$@)ld -r $(OBJ) -o $(@D)/anec.o $(if $(filter %.so,$(SHARED)),&& objcopy -w --keep-global-symbol='anec_*' $(@D)/anec.o) && $(AR) rcs $@ $(@D)/anec.o

# ---- packages -----------------------------------------------------------------------------------------
# make dist: the sources of this checkout as a tar file. make deb: Debian packages of them, in build/deb. make formula:
# what brew installs them by, from URL, where the tar file is to be.

DIST := $(BUILD)/dist
DEB := $(BUILD)/deb
TARBALL := $(DIST)/anec-$(VERSION).tar.gz
URL ?= file://$(abspath $(TARBALL))
HOMEPAGE ?= https://localhost/anec
.PHONY: dist deb formula
dist: $(TARBALL)
.PHONY: $(TARBALL)
$(TARBALL):
	@mkdir -p $(DIST)
	$(call say,$@)git ls-files -z | tar --null -T - --transform 's|^|anec-$(VERSION)/|' --sort=name --owner=0 --group=0 --numeric-owner -c | gzip -n > $@

deb: $(TARBALL)
	@.ci/deps deb
	@rm -rf $(DEB) && mkdir -p $(DEB) && tar -xzf $(TARBALL) -C $(DEB)
	@cp -r packaging/debian $(DEB)/anec-$(VERSION)
	$(call say,$(DEB))cd $(DEB)/anec-$(VERSION) && dpkg-buildpackage -b -us -uc > ../log 2>&1 || { tail -n 40 ../log; exit 1; }
	@rm -rf $(DEB)/anec-$(VERSION) && cd $(DEB) && ls *.deb

formula: $(TARBALL)
	$(call say,$(DIST)/anec.rb)sed "s|@URL@|$(URL)|; s|@HOMEPAGE@|$(HOMEPAGE)|; s|@SHA256@|$$(sha256sum < $(TARBALL) | cut -d' ' -f1)|" packaging/homebrew/anec.rb.in > $(DIST)/anec.rb

# ---- the demo and the bench ---------------------------------------------------------------------------

.PHONY: demo bench
demo: all $(BUILD)/digits-demo
	@examples/digits/demo.sh $(BUILD)

$(BUILD)/digits-demo: $(BUILD)/examples/digits/demo.o $(LIB)
	$(call say,$@)$(CC) $(CFLAGS) $(LDFLAGS) $< $(LIB) $(LDLIBS) -o $@

# Runs a Core ML model that Apple's compiler wrote over a wave file: examples/vad/README.md.
$(BUILD)/vad: $(BUILD)/examples/vad/vad.o $(BUILD)/examples/vad/wav.o $(LIB)
	$(call say,$@)$(CC) $(CFLAGS) $(LDFLAGS) $(filter %.o,$^) $(LIB) $(LDLIBS) -o $@

bench: all $(BUILD)/pair $(BUILD)/side $(BUILD)/steady $(BUILD)/onednn_peer $(BUILD)/families
	@tests/bench/run.sh $(BUILD)

$(BUILD)/pair: $(BUILD)/tests/bench/pair.o
	$(call say,$@)$(CC) $(CFLAGS) $(LDFLAGS) $< -o $@

$(BUILD)/side: $(BUILD)/tests/bench/side.o $(LIB)
	$(call say,$@)$(CC) $(CFLAGS) $(LDFLAGS) $< $(LIB) $(LDLIBS) -o $@

$(BUILD)/steady: $(BUILD)/tests/bench/steady.o $(LIB)
	$(call say,$@)$(CC) $(CFLAGS) $(LDFLAGS) $< $(LIB) $(LDLIBS) -o $@

$(BUILD)/onednn_peer $(BUILD)/families: $(BUILD)/%: $(BUILD)/tests/bench/%.o $(UNIT_LIB) $(LIB)
	$(call say,$@)$(CC) $(CFLAGS) $(LDFLAGS) $< $(UNIT_LIB) $(LIB) $(CMOCKA) $(LDLIBS) -o $@

# ---- fuzzing --------------------------------------------------------------------------------------
# tests/fuzz/fuzz_NAME.c is a target, tests/fuzz/NAME its inputs, which make check replays. make fuzz
# lets clang's fuzzer loose on each for SECONDS, in build-fuzz; what it finds it leaves there.

SECONDS ?= 60
FUZZ_MAIN := $(if $(FUZZ),,$(BUILD)/tests/fuzz/replay.o)
$(FUZZ_SRC:%.c=$(BUILD)/%.o) $(FUZZ_MAIN): | deps

.PHONY: fuzz fuzzers
fuzzers: $(FUZZERS)
fuzz: test-deps
	@+$(MAKE) BUILD=build-fuzz CC=clang FUZZ=1 fuzzers
	@tests/fuzz/run.sh build-fuzz $(SECONDS)

$(FUZZERS): $(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/fuzz_%.o $(FUZZ_MAIN) $(TRAIN_LIB) $(LIB)
	@mkdir -p $(@D)
	$(call say,$@)$(CC) $(CFLAGS) $(LDFLAGS) $(if $(FUZZ),-fsanitize=fuzzer) $< $(FUZZ_MAIN) $(TRAIN_LIB) $(LIB) $(LDLIBS) -o $@

# ---- other machines ---------------------------------------------------------------------------------
# .ci/cross brings a compiler for other machines, pinned. `make macos` builds the tools and the library for
# both processors of a Mac, signed ad hoc, and files that have both in one (.ci/macho.c); they need nothing
# but its C library. The same code for Linux on arm64 is what the tests run, under qemu.

ZIG := $(CURDIR)/.tools/compiler/node_modules/.bin/zig
CROSS_BUILDS := $(BUILD)/macos-arm64 $(BUILD)/macos-x86_64 $(BUILD)/linux-arm64
MAC_SIGNED := $(PROGRAMS:$(BUILD)/%=%) libanec.dylib
MAC_FAT := $(MAC_SIGNED) libanec.a
MACHO := $(BUILD)/.ci/macho
.PHONY: macos cross-deps $(CROSS_BUILDS)
macos: $(BUILD)/macos-universal

# The linker has signed what is for arm64.
.PHONY: $(BUILD)/macos-universal
$(BUILD)/macos-universal: $(BUILD)/macos-arm64 $(BUILD)/macos-x86_64 $(MACHO)
	@mkdir -p $@
	@$(MACHO) sign $(MAC_SIGNED:%=$(BUILD)/macos-arm64/%) $(MAC_SIGNED:%=$(BUILD)/macos-x86_64/%)
	@for f in $(MAC_FAT); do $(MACHO) fat $@/$$f $(BUILD)/macos-arm64/$$f $(BUILD)/macos-x86_64/$$f || exit 1; done
	@cd $@ && chmod +x $(MAC_SIGNED)

$(MACHO): $(BUILD)/.ci/macho.o $(filter $(BUILD)/base/%,$(OBJ))
	$(call say,$@)$(CC) $(CFLAGS) $(LDFLAGS) $^ $(LDLIBS) -o $@
$(BUILD)/.ci/macho.o: | deps

$(BUILD)/macos-arm64: TRIPLE := aarch64-macos.13.0
$(BUILD)/macos-x86_64: TRIPLE := x86_64-macos.13.0 -mcpu=haswell # every Mac of macOS 13 has it
$(BUILD)/linux-arm64: TRIPLE := aarch64-linux-gnu.2.31
$(BUILD)/linux-arm64: GOALS := all $(addprefix $(BUILD)/linux-arm64/unit/test_,numbers math engine vector cpu cpu_conv cpu_attention)

cross-deps:
	@.ci/deps macos
	@.ci/cross

$(CROSS_BUILDS): cross-deps
	@+ZIG_GLOBAL_CACHE_DIR=$(CURDIR)/.tools/cache ZIG_LOCAL_CACHE_DIR=$(CURDIR)/.tools/cache \
	  $(MAKE) CROSS=1 BUILD=$@ CC="$(ZIG) cc -target $(TRIPLE)" AR="$(ZIG) ar" $(or $(GOALS),all)

# ---- man pages ----------------------------------------------------------------------------------------
# Written by the tools from their option tables.

# What makes shells complete them too, a folder a shell and where that shell looks.
COMPLETIONS := $(BUILD)/completions
COMPLETED := bash-completion/completions zsh/site-functions fish/vendor_completions.d
.PHONY: completions
completions: $(PROGRAMS)
	@mkdir -p $(COMPLETIONS)/bash $(COMPLETIONS)/zsh $(COMPLETIONS)/fish
	@set -e; for p in $(PROGRAMS); do t=$${p##*/}; \
	  $$p --completion bash > $(COMPLETIONS)/bash/$$t; \
	  $$p --completion zsh > $(COMPLETIONS)/zsh/_$$t; \
	  $$p --completion fish > $(COMPLETIONS)/fish/$$t.fish; done

MAN := $(PROGRAMS:%=%.1) $(BUILD)/anec-lint.1
.PHONY: man
man: $(MAN)

$(PROGRAMS:%=%.1): %.1: %
	$(call say,$@)$< --man > $@

$(BUILD)/anec-lint.1: $(BUILD)/anec
	$(call say,$@)$< lint --man > $@

# ---- pages from the tables ----------------------------------------------------------------------------
# make check compares them with what the tables say now.

.PHONY: docs
docs: all $(BUILD)/ops-doc
	@tests/pages.sh --write $(BUILD)

# Prints docs/ops.md from the op table.
$(BUILD)/ops-doc: $(BUILD)/docs/ops_doc.o $(LIB)
	$(call say,$@)$(CC) $(CFLAGS) $(LDFLAGS) $< $(LIB) $(LDLIBS) -o $@

# ---- the rest -------------------------------------------------------------------------------------

clean:
	rm -rf $(BUILD)

help:
	@echo 'make            builds the tools (anec, anerun, anediff ..) and the library in $(BUILD)'
	@echo 'make check      builds, then runs every test (tests/check.py)'
	@echo 'make demo       classifies 1,000 real digits with a model compiled for each chip'
	@echo 'make bench      times beside named peers'
	@echo 'make units      the unit tests alone'
	@echo 'make golden     rewrites the expected outputs of tests/golden'
	@echo 'make san        unit and golden tests under the sanitizers of gcc and clang (san-gcc, san-clang), in build-san-*; commands under valgrind'
	@echo 'make tsan       the library used by several threads, under the thread sanitizer, in build-tsan'
	@echo 'make curves     runs of anetrain beside another implementation of them, minutes each on CURVES=ref,cpu,sim:m1,..'
	@echo 'make mutate     whether the tests notice what is changed in the sources, COUNT=160 places of SEED=1'
	@echo 'make conditions which conditions of the sources no test makes true, or false, in build-cov'
	@echo 'make fuzz       the fuzzer on every reader of input, SECONDS=60 each'
	@echo 'make install    programs, library, header, man pages, completions below PREFIX (/usr/local), for packagers in DESTDIR'
	@echo 'make deb        Debian packages, in $(BUILD)/deb; make formula: what brew installs by; make dist: the sources'
	@echo 'make macos      tools and library for Macs, $(BUILD)/macos-arm64, -x86_64 and -universal, by a cross compiler'
	@echo 'make man        man pages, $(BUILD)/anec.1 and $(BUILD)/anerun.1'
	@echo 'make docs       the pages of docs/ that are written from the tables'
	@echo 'make clean      removes $(BUILD)'

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
