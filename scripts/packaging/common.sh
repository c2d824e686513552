# For the checks of the packages, which read this in their own directory.
# shellcheck shell=sh

fail() {
    printf '%s: %s\n' "$(basename "$PWD")" "$*" >&2
    exit 1
}

passed() {
    printf '%s: all is well\n' "$1"
}

# A field of [package] in Cargo.toml.
cargo_field() {
    sed -n "/^\[package\]/,/^\[[^p]/s/^$1 = \"\(.*\)\"\$/\1/p" ../../../Cargo.toml
}

same_version() {
    [ "$2" = "$(cargo_field version)" ] || fail "$1 has version $2, Cargo.toml $(cargo_field version)"
}

same_licence() {
    [ "$2" = "$(cargo_field license)" ] || fail "$1 has licence $2, Cargo.toml $(cargo_field license)"
}

# Where Cargo.toml names a home of the project, packages name the same.
same_home() {
    home=$(cargo_field homepage)
    [ -n "$home" ] || home=$(cargo_field repository)
    [ -z "$home" ] || [ "$2" = "$home" ] || fail "$1 has the URL $2, Cargo.toml $home"
}

# Whether a program has neither an interpreter nor libraries.
is_static() {
    segments=$(readelf -lW "$1" 2>/dev/null) && dynamic=$(readelf -dW "$1" 2>/dev/null) || return 1
    case $segments$dynamic in
    *INTERP* | *'(NEEDED)'*) return 1 ;;
    esac
}

# A static program: SCGATE where it is one, else one that is built.
static_program() {
    program=${SCGATE-}
    if [ -z "$program" ] || ! is_static "$program"; then
        program=$(../../build --target "$(uname -m)-unknown-linux-musl")
        is_static "$program" || fail "$program is not static"
    fi
    printf '%s\n' "$program"
}
