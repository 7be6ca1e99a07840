#!/bin/sh
# Make .venv and install curate into it: sh .ci/install.sh PYTHON [dev]
#
# PYTHON may be empty: then the first of python3.11 (the tested one), 3.12, 3.13 and python3 that will do is taken.
# A stamp inside .venv makes the next call instant, until pyproject.toml, constraints.txt or the
# folder change.
set -eu

chosen=${1:-}
extra=${2:-}
stamp=.venv/curate-installed

# What was installed from: the two files, and the folder, which console scripts know by name.
want=$(cat pyproject.toml constraints.txt | cksum; pwd)
if [ -f "$stamp" ] && .venv/bin/python -c '' 2>/dev/null; then
    have=$(sed 1d "$stamp")
    kind=$(sed -n 1p "$stamp")
    if [ "$have" = "$want" ] && { [ "$kind" = dev ] || [ -z "$extra" ]; }; then
        exit 0
    fi
    # Once the tools for development are there, they are kept up to date.
    if [ "$kind" = dev ]; then extra=dev; fi
fi

# A command that exists need not run (version managers leave such), be new enough, or be whole.
usable='import sys
if sys.version_info < (3, 11): sys.exit("  %s is Python %d.%d" % ((sys.executable,) + sys.version_info[:2]))
try:
    import bz2, ctypes, lzma, sqlite3, ssl
except ImportError as error: sys.exit("  %s was built without %s" % (sys.executable, error.name))
try:
    import ensurepip, venv
except ImportError: sys.exit("  %s cannot make a venv; on Debian and Ubuntu: apt-get install python3-venv" % sys.executable)'

if ! .venv/bin/python -c '' 2>/dev/null; then
    if [ -n "$chosen" ]; then
        set -- "$chosen"
    else
        set -- python3.11 python3.12 python3.13 python3
    fi
    python=
    reasons=
    for candidate in "$@"; do
        if reason=$("$candidate" -c "$usable" 2>&1); then
            python=$candidate
            break
        fi
        case $reason in "  "*) reasons="$reasons$reason
" ;; esac
    done
    if [ -z "$python" ]; then
        echo "error: Expected Python 3.11 or newer that can make a venv, found none among: $*" >&2
        printf '%s' "$reasons" >&2
        echo "Install one, or name it: make ... PYTHON=/path/to/python3" >&2
        exit 1
    fi
    echo "Making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
fi
# A venv that another tool made may lack pip.
.venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip

if [ "$extra" = dev ]; then what='.[dev]'; else what=.; fi
rm -f "$stamp"
echo "Installing curate and what it needs into .venv: some 6 GB, minutes on a fresh machine"
.venv/bin/python -m pip install --disable-pip-version-check \
    -c constraints.txt -e "$what"
printf '%s\n%s\n' "${extra:-base}" "$want" >"$stamp"
