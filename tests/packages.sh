#!/bin/sh
# packages.sh -- Debian packages and the formula for Homebrew: built of what BUILD has, looked at by lintian, installed
# into an empty root, and used from an empty folder.
# usage: packages.sh BUILD        ends with `packages: N passed, N failed`
set -u
. "$(dirname "$0")/usage.sh"
top=$(cd "$(dirname "$0")/.." && pwd)
case $1 in /*) build=$1 ;; *) build=$top/$1 ;; esac
make=${MAKE:-make}
passed=0 failed=0
good() { passed=$((passed + 1)); }
bad() { echo "packages: $*"; failed=$((failed + 1)); }
check() { # check WHAT COMMAND..
    what=$1
    shift
    if "$@" >"$temp/log" 2>&1; then good; else bad "$what:"; tail -n 40 "$temp/log"; fi
}
said() { if grep -qE "$1" "$temp/log"; then good; else bad "no /$1/ in:"; cat "$temp/log"; fi; } # said PATTERN, of what check ran
end() {
    echo "packages: $passed passed, $failed failed"
    [ "$failed" = 0 ]
    exit
}
temp=$(mktemp -d "${TMPDIR:-/tmp}/packages.XXXXXX")
trap 'rm -rf "$temp"' EXIT
cd "$top" || exit 1
export ANEC_CACHE_DIR="$temp/cache"
unset ANESIM_FAULT ANEC_ANE_LIB

# Other suites use what is built while this one runs, and in another copy of the sources make has folders that are
# newer than what it wrote of them, so that it links anew: a copy is built on.
mkdir "$temp/built"
tar -C "$build" --exclude=./unit --exclude=./fuzz --exclude='./macos-*' --exclude=./linux-arm64 --exclude=./m9 \
    --exclude=./tests --exclude=./bench --exclude=./install -c . | tar -C "$temp/built" -x || exit 1
build=$temp/built

# The sources, as they would be handed on: the same bytes each time, and nothing that is not tracked.
check "make dist" $make -s dist DIST="$temp/dist"
mv "$temp/dist/anec-0.1.tar.gz" "$temp/first.tar.gz"
check "make formula" $make -s formula DIST="$temp/dist"
check "a tar file of the same bytes" cmp "$temp/first.tar.gz" "$temp/dist/anec-0.1.tar.gz"
check "the formula, as brew installs and tests it" env BUILD="$build" ruby tests/brew.rb "$temp/dist/anec.rb" "$temp/brew"
echo >>"$temp/dist/anec-0.1.tar.gz"
if ruby tests/brew.rb "$temp/dist/anec.rb" "$temp/other" >"$temp/log" 2>&1; then bad "a tar file that was changed"; else said 'is not what sha256 says'; fi

if ! command -v dpkg-buildpackage >/dev/null || ! command -v dh >/dev/null; then
    echo "packages: no dpkg-buildpackage or debhelper here: skipped what is Debian's"
    end
fi
version=$(sed -n 's/^VERSION := //p' Makefile)
check "changelog and Makefile have one version" test "$(dpkg-parsechangelog -l packaging/debian/changelog -S Version)" = "$version"
check "make deb" env DEB_BUILD_OPTIONS=noautodbgsym ANEC_BUILD="$build" $make -s deb BUILD="$build" DEB="$temp/deb" DIST="$temp/dist"
[ "$failed" = 0 ] || end
if command -v lintian >/dev/null; then
    check "lintian" lintian --allow-root --fail-on error,warning "$temp"/deb/*.changes
    if grep -qE '^[EW]:' "$temp/log"; then bad "lintian:"; cat "$temp/log"; else good; fi
else
    echo "packages: no lintian here: skipped"
fi
# shellcheck disable=SC2046
check "what they need is to be had" apt-get install -s --no-install-recommends $(ls "$temp"/deb/*.deb)

# Installed by dpkg, into a root where nothing else is.
root=$temp/root
mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates" "$temp/empty"
: >"$root/var/lib/dpkg/status"
as_root=
[ "$(id -u)" = 0 ] || as_root=fakeroot
dpkg() { $as_root /usr/bin/dpkg --root="$root" --force-depends --force-script-chrootless --force-not-root --log=/dev/null "$@"; }
for p in libanec0 libanec-dev anec; do
    check "dpkg -i $p" dpkg -i "$temp/deb/${p}_${version}_"*.deb
done
# Python's scripts of installation compile in the host's folders, whatever the root: they are left out.
check "dpkg --unpack python3-anec" dpkg --unpack "$temp/deb/python3-anec_${version}_all.deb"
triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH)
cd "$temp/empty" || exit 1
PATH=$root/usr/bin:$PATH LD_LIBRARY_PATH=$root/usr/lib/$triplet
export PATH LD_LIBRARY_PATH
cat >twice.anedsl <<'EOF'
model main(x: fp16[1, 4]) -> y {
    y = x + x
}
EOF
check "anec" anec twice.anedsl --target m1 -o twice.mil
check "anerun" anerun --random 1 twice.mil
said '^y: fp16 '
check "the stand-in" env ANEC_ANE_LIB="$root/usr/lib/anec/libanesim.so" ANESIM_CHIP=m1 anerun --backend ane --random 1 -v twice.mil
said 'ane'
for tool in anec anec-lint anerun anetrain anegen anediff aneprobe; do
    check "the page of $tool" test -f "$root/usr/share/man/man1/$tool.1.gz"
done
check "the completion of anec" test -f "$root/usr/share/bash-completion/completions/anec"
export PKG_CONFIG_PATH="$root/usr/lib/$triplet/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$root"
# shellcheck disable=SC2046
check "a client in C" cc -std=c11 -Wall -Werror "$top/examples/api/train.c" $(pkg-config --cflags --libs anec) -o train
check "the client runs" ./train "$top/examples/api/step.mil" 200
said '^step 199  loss 0.0000'
cat >use.py <<'EOF'
import numpy, anec
y = anec.load("twice.anedsl").predict({"x": numpy.ones((1, 4), numpy.float16)})["y"]
assert (y == 2).all(), y
print(anec.__version__, anec.__file__)
EOF
check "Python" env PYTHONPATH="$root/usr/lib/python3/dist-packages" /usr/bin/python3 use.py
said "^$version $root"
rm -rf "$root/usr/lib/python3"
for p in anec libanec-dev libanec0; do
    check "dpkg -r $p" dpkg -r $p
done
find "$root/usr" -type f ! -path '*/doc/python3-anec/*' >"$temp/left"
check "nothing is left" diff /dev/null "$temp/left"
end
