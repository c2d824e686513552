# shellcheck shell=sh
# For scripts that need programs: which are missing, and installing them on Debian and its relatives. The script that reads
# this has a function `say`.

# has SIGN: a command, a file or a Perl module is there.
has() {
    case $1 in
    /*) [ -e "$1" ] ;;
    *.pm) perl -M"${1%.pm}" -e 1 2>/dev/null ;;
    *) command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] ;;
    esac
}

# Of lines with a package and a sign that it is installed, the packages whose sign is not there.
packages_without() {
    while read -r package sign; do
        case $package in '' | '#'*) continue ;; esac
        has "$sign" || printf '%s ' "$package"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# Debian starts a service that it installs; a test suite must not put a web server on port 80.
policy=/usr/sbin/policy-rc.d
install_packages() {
    if ! command -v apt-get >/dev/null 2>&1; then
        say "please install by hand what stands for these Debian packages: $*"
        return 1
    fi
    say "installing $*"
    (
        if [ ! -e "$policy" ]; then
            # Or no package that is installed here later would start its service.
            trap 'as_root rm -f "$policy"' EXIT
            trap 'exit 1' HUP INT TERM
            printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
            as_root chmod 755 "$policy"
        fi
        status=0
        as_root apt-get update -q >&2 || status=$?
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" >&2 || status=$?
        exit "$status"
    )
}
