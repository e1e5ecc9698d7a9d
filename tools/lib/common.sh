# Shared by tools/run and tools/test; sourced. Needs $root.
say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
fail() { printf 'petfood: %s\n' "$*" >&2; exit 1; }

# Debian 13 no longer has libh2o-evloop. Its Debian 12 build runs there as it is (libssl3 and libwslay1 are the same), so it is unpacked into
# build/h2o, signature checked by apt, without touching the system's package sources.
h2o_from_debian12() {
	local at="$root/build/h2o" keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -e "$at/usr/include/h2o.h" ] && return 0
	say "unpacking libh2o-evloop of Debian 12 into build/h2o"
	mkdir -p "$at/apt/lists/partial" "$at/apt/cache/archives/partial"
	[ -e $keyring ] || keyring=/usr/share/keyrings/debian-archive-keyring.pgp
	echo "deb [signed-by=$keyring] http://deb.debian.org/debian bookworm main" >"$at/apt/sources.list"
	local options=(-o "Dir::Etc::sourcelist=$at/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$at/apt/lists"
		-o "Dir::Cache=$at/apt/cache" -o APT::Sandbox::User=)
	(cd "$at" && apt-get "${options[@]}" update -qq && apt-get "${options[@]}" download -qq libh2o-evloop-dev libh2o-dev-common libh2o-evloop0.13 &&
		for package in *.deb; do dpkg -x "$package" .; done) >&2 || fail "could not fetch libh2o-evloop"
	rm -rf "$at/apt" "$at"/*.deb
}

# install_packages FILE…: those of the lists that are missing, with sudo for a user.
install_packages() {
	local missing=() name
	for name in $(sed 's/#.*//' "$@"); do
		[ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] && continue
		[ "$name" = libh2o-evloop-dev ] && [ -e "$root/build/h2o/usr/include/h2o.h" ] && continue
		missing+=("$name")
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
	if [[ " ${missing[*]} " == *" libh2o-evloop-dev "* ]] && ! apt-cache show libh2o-evloop-dev >/dev/null 2>&1; then
		h2o_from_debian12
		for name in "${!missing[@]}"; do [ "${missing[$name]}" = libh2o-evloop-dev ] && unset "missing[$name]"; done
		[ ${#missing[@]} -eq 0 ] && return 0
	fi
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
