# Shared by tools/run and tools/test; sourced. Needs $root.
say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
fail() { printf 'petfood: %s\n' "$*" >&2; exit 1; }

# install_packages FILE…: those of the lists that are missing, with sudo for a user.
install_packages() {
	local missing=() name
	for name in $(sed 's/#.*//' "$@"); do
		[ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
	done
	[ ${#missing[@]} -eq 0 ] && return 0
	command -v apt-get >/dev/null || fail "needs these packages: ${missing[*]}"
	local as_root=()
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null || fail "needs these packages (install them as root, or install sudo): ${missing[*]}"
		as_root=(sudo)
	fi
	say "installing ${missing[*]}"
	"${as_root[@]}" apt-get update -qq </dev/null >&2 || true # an old list may still do
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >&2 ||
		fail "could not install ${missing[*]}"
}

# build FLAVOUR [cmake arguments…] [-- targets…]: configures once, then builds build/FLAVOUR.
build() {
	local flavour=$1 dir="$root/build/$1" arguments=() targets=()
	shift
	while [ $# -gt 0 ] && [ "$1" != -- ]; do arguments+=("$1"); shift; done
	[ $# -gt 0 ] && shift && targets=("$@")
	if [ ! -f "$dir/build.ninja" ]; then
		mkdir -p "$dir"
		cmake -S "$root" -B "$dir" -G Ninja "${arguments[@]}" >"$dir/configure.log" 2>&1 || { cat "$dir/configure.log" >&2; fail "configuring $flavour failed"; }
	fi
	ninja -C "$dir" "${targets[@]}" >"$dir/build.log" 2>&1 || { grep -v '^\[' "$dir/build.log" | tail -60 >&2; fail "building $flavour failed (whole log: build/$flavour/build.log)"; }
}
