#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Everything that has to hold: `make check`, and CI.
#   test/check.sh           all of it
#   test/check.sh STEP...   some of it: test/check.sh asan tests
# Installs what is missing (Debian), says how each step went, and ends with
# "N passed, N failed"; logs stay in build/check/.
set -u
cd "$(dirname "$0")/.." || exit 1
logs=build/check
mkdir -p "$logs"
make=(make --no-print-directory -j2)

# What has to be there, and the package that brings it.
needed=(cc:gcc c++:g++ make:make clang:clang clang-format:clang-format
	clang-tidy:clang-tidy valgrind:valgrind spin:spin
	shellcheck:shellcheck pkg-config:pkg-config python3:python3 jq:jq
	llvm-cov:llvm llvm-profdata:llvm
	aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu qemu-aarch64:qemu-user
	groff:groff mandoc:mandoc man:man-db zsh:zsh fish:fish
	dh:debhelper dpkg-buildpackage:dpkg-dev lintian:lintian
	fakeroot:fakeroot)

missing_packages() {
	local pair
	for pair in "${needed[@]}"; do
		command -v "${pair%%:*}" >/dev/null || echo "${pair#*:}"
	done
	# what is no command
	[ -e /usr/include/histedit.h ] || echo libedit-dev
	[ -e /usr/aarch64-linux-gnu/include/stdio.h ] ||
		echo libc6-dev-arm64-cross
	pkg-config --exists libuv 2>/dev/null || echo libuv1-dev
	pkg-config --exists zlib 2>/dev/null || echo zlib1g-dev
	pkg-config --exists libzstd 2>/dev/null || echo libzstd-dev
	dpkg -s build-essential >/dev/null 2>&1 || echo build-essential
	/usr/bin/python3 -c 'import pyte' 2>/dev/null || echo python3-pyte
	# clang's sanitizers come apart from clang
	echo 'int main(void) { return 0; }' | clang -fsanitize=address -x c \
		-o /dev/null - 2>/dev/null || echo libclang-rt-dev
}

step_packages() {
	local packages sudo=()
	mapfile -t packages < <(missing_packages)
	[ ${#packages[@]} -gt 0 ] || return 0
	[ "$(id -u)" = 0 ] || sudo=(sudo)
	"${sudo[@]}" apt-get update -q && "${sudo[@]}" env \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
		--no-install-recommends "${packages[@]}"
}
step_gcc() { "${make[@]}" CC=gcc WERROR=1 all; }
step_clang() { "${make[@]}" CC=clang WERROR=1 BUILD=build/clang all; }
step_tests() { "${make[@]}" CC=gcc WERROR=1 tests; }
step_clang_tests() {
	"${make[@]}" CC=clang WERROR=1 BUILD=build/clang tests
}
step_fault() { "${make[@]}" CC=gcc WERROR=1 fault; }
step_valtest() { "${make[@]}" CC=gcc WERROR=1 valtest; }
step_asan() { "${make[@]}" CC=gcc asan; }
step_ubsan() { "${make[@]}" CC=clang ubsan; }
step_tsan() { "${make[@]}" CC=clang tsan; }
step_coverage() { "${make[@]}" coverage; }
step_aarch64() { "${make[@]}" aarch64; }
# The same few each time, run to their end; `make mutate` has all of them.
step_mutate() {
	"${make[@]}" CC=gcc MUTATE_SAMPLE=12 \
		MUTATE_OPTIONS=--memory mutate
}
step_models() { test/model/run.sh; }
# The programs without libedit, beside those with it in build/.
step_plain() {
	"${make[@]}" CC=gcc WERROR=1 LIBEDIT=0 BUILD=build/plain \
		build/plain/splinter{p,}{ctl,_cli}
}
step_cli() { test/cli/test_cli.sh build; }
step_completion() { test/cli/test_completion.sh build; }
step_prompt() {
	local status=0 kind
	for kind in memory file; do
		/usr/bin/python3 test/cli/at_prompt.py build $kind edited ||
			status=1
		/usr/bin/python3 test/cli/at_prompt.py build/plain $kind plain ||
			status=1
	done
	return $status
}
step_examples() { test/cli/test_examples.sh build; }
# That it runs to its end; a figure of a loaded machine says nothing.
step_bench() {
	"${make[@]}" CC=gcc WERROR=1 BENCH_OPTIONS='--rounds 20' bench &&
		build/bench_wake --rounds 20 --json | jq -e '.wake_1ms.kinds |
			length == 5 and all(.[]; .p50_ns > 0)' &&
		build/bench_retries --rounds 20 --json | jq -e '.cases |
			length == 12 and all(.[]; .splinter.eagain == 0)'
}
step_docs() { test/cli/test_docs.sh && test/cli/test_readme.sh build; }
step_editor() {
	local status=0 test
	for test in at_editor at_editor_terminal at_history; do
		CC=gcc python3 test/cli/$test.py || status=1
	done
	return $status
}
step_man() { test/man/test_man.sh build; }
step_mutants() { test/man/test_mutants.sh build; }
# What a change breaks; make fuzz looks for what nobody has found yet.
step_fuzz() { FUZZ_SEED=1 "${make[@]}" FUZZ_SECONDS=30 fuzz; }
step_stress() { test/stress/test_stress.sh build; }
step_make() { test/packaging/test_make.sh; }
step_deb() { test/packaging/test_deb.sh; }
step_install() { test/cli/test_install.sh; }
step_demo() { timeout 60 "${make[@]}" CC=gcc WERROR=1 demo; }
step_lint() { "${make[@]}" lint; }
step_format() { "${make[@]}" fmt-check; }

# Count what a step's log says: "N passed, N failed" lines, TAP lines where
# there are none, and one for the step itself where there is neither.
count() {
	local log=$1 status=$2 sums
	sums=$(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' "$log" |
		awk '{ p += $1; f += $2 } END { if (NR) print p, f }')
	[ -n "$sums" ] ||
		sums="$(grep -c '^ok ' "$log") $(grep -c '^not ok ' "$log")"
	read -r ok bad <<<"$sums"
	if [ "$status" -ne 0 ]; then
		[ "$bad" -gt 0 ] || bad=1
	elif [ "$((ok + bad))" -eq 0 ]; then
		ok=1
	fi
}

# Says how the step went when it is over: others may run beside it.
run() {
	local name=$1 status=0 start=$SECONDS log=$logs/$1.log ok bad
	"step_$name" >"$log" 2>&1 </dev/null || status=$?
	count "$log" "$status"
	echo "$ok $bad" >"$counts/ended/$name"
	printf '%-12s %s passed, %s failed (%s s)\n' "$name" "$ok" "$bad" \
		"$((SECONDS - start))"
	[ "$status" -ne 0 ] || return 0
	echo "--- $name failed with status $status; $log ends:
$(grep -E '^not ok|^# |rror|ERROR|WARNING' "$log" | tail -n 40)
$(tail -n 40 "$log")
---"
}

# What no other worker has begun.
work() {
	local step
	for step; do
		mkdir "$counts/begun/$step" 2>/dev/null && run "$step"
	done
}

# Two at a time: most use one processor. Job control, for else what runs
# behind would ignore Ctrl-C, and its tests of that would fail.
work_together() {
	set -m
	work "$@" &
	work "$@" &
	# shellcheck disable=SC2046 # process groups, each its own word
	trap 'kill -- $(jobs -p | sed s/^/-/); exit 130' INT TERM
	wait
	trap - INT TERM
	set +m
}

counts=$(mktemp -d) || exit 1
trap 'rm -rf "$counts"' EXIT
mkdir "$counts/begun" "$counts/ended"
if [ $# -gt 0 ]; then
	work "$@"
else
	# What the others need; then the longest first.
	work packages gcc clang plain format
	work_together tsan valtest models fault asan ubsan aarch64 \
		coverage deb lint mutate fuzz cli tests clang_tests \
		completion prompt editor docs man mutants install demo \
		examples bench stress make
fi
for step in "$counts"/begun/*; do
	[ -e "$counts/ended/${step##*/}" ] ||
		echo 0 1 >"$counts/ended/${step##*/}"
done
awk '{ p += $1; f += $2 } END { print p " passed, " f " failed"
	exit f > 0 }' "$counts"/ended/*
