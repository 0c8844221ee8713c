#!/bin/sh
# The Python environment: VENV (.venv) made by PYTHON (python3), exactly the lock's versions, bytecode compiled.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
venv=${VENV:-.venv}

if ! command -v "$python" >/dev/null; then
    echo "$python is not on this machine: install Python 3.11 or newer, or name one: make setup PYTHON=/path/to/python3.12" >&2
    exit 1
fi
if ! "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))'; then
    echo "$("$python" -V) does not fit: 3.11, 3.12 or 3.13 is needed; name one: make setup PYTHON=/path/to/python3.12" >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "this Python cannot make environments with pip. On Debian and Ubuntu: apt-get install python$version-venv; then make setup again" >&2
    exit 1
fi
[ -x "$venv/bin/python" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear "$venv"
pip="$venv/bin/python -m pip --disable-pip-version-check"
# Some shells export PYTHONDONTWRITEBYTECODE=1; without bytecode every start of Prefect costs twice as much.
unset PYTHONDONTWRITEBYTECODE
# The lock is the constraint as well: of a package that another one asks for with an extra, pip would look at the newest first.
$pip install -q --require-hashes -r requirements.lock -c requirements.lock
$pip install -q --no-deps --no-build-isolation -e .
if [ -z "$(find "$venv" -path '*prefect/__pycache__/*.pyc' -print 2>/dev/null | head -1)" ]; then
    "$venv/bin/python" -m compileall -q -j 2 "$venv"/lib/python3*/site-packages >/dev/null || true
fi
"$venv/bin/python" -m compileall -q orchestrator >/dev/null
