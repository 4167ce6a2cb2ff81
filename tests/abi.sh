#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The plugin border. Each plugin exports its descriptor and nothing else; and the shape of
# plugins/postseal-plugin.h is the one that tests/abi.expected has. What is in that list
# never changes while the major number stays; what is added raises the minor number.
#
# After raising it: tests/abi >tests/abi.expected
src=${srcdir:-.}
status=0

fail() {
	echo "$*"
	status=1
}

# Of ELF, what a loader sees; the linker's own marks aside.
n=0
for object in plugins/*/.libs/*.so; do
	test -e "$object" || continue
	n=$((n + 1))
	names=$(nm -D --defined-only "$object" | awk '{ print $3 }' |
		grep -v -e '^__bss_start$' -e '^_edata$' -e '^_end$' -e '^__asan' -e '^__odr_asan')
	test "$names" = postseal_plugin || fail "$object: exports: $names"
done
test $n -gt 0 || fail "no plugin was built"

./tests/abi >abi.now || exit 99
trap 'rm -f abi.now abi.lost' EXIT
if test "$(getconf LONG_BIT)" != 64; then
	echo "the list is that of machines with 64 bits"
	exit $status
fi
cmp -s "$src/tests/abi.expected" abi.now && exit $status

was=$(sed -n 's/^abi //p;1q' "$src/tests/abi.expected")
now=$(sed -n 's/^abi //p;1q' abi.now)
diff "$src/tests/abi.expected" abi.now
if test "${now%.*}" -gt "${was%.*}"; then
	echo "note: a new major number; write tests/abi.expected anew"
elif test "${now%.*}" -eq "${was%.*}" && test "${now#*.}" -gt "${was#*.}"; then
	# Structs may have grown at their ends; all else has to be as it was.
	grep -v -e '^abi ' -e '^struct ' "$src/tests/abi.expected" |
		grep -v -x -F -f abi.now >abi.lost
	test ! -s abi.lost || fail "changed, which takes a new major number: $(cat abi.lost)"
	echo "note: a new minor number; write tests/abi.expected anew"
else
	fail "the border has changed: raise POSTSEAL_ABI_MINOR"
fi
exit $status
