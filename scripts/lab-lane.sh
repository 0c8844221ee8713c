#!/bin/sh
# The lab's short form as CI runs it: skipped with one line where the machine cannot hold a lab, red for anything else.
set -eu
cd "$(dirname "$0")/.."
sh scripts/lab.sh
obstacle=$(.venv/bin/python -m tests.lab.command why-not)
if [ -n "$obstacle" ]; then
    echo "SKIPPED: the lab of hosts that boot: $obstacle" >&2
    exit 0
fi
exec sh scripts/twice.sh test-lab-short "lab and not long"
