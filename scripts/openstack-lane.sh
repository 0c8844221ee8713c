#!/bin/sh
# The OpenStack lane's short form as CI runs it: skipped with one line where the machine cannot hold one, red for anything else.
set -eu
cd "$(dirname "$0")/.."
sh scripts/lab.sh
obstacle=$(.venv/bin/python -m tests.openstack.machine)
if [ -n "$obstacle" ]; then
    echo "SKIPPED: the lane on a real OpenStack: $obstacle" >&2
    exit 0
fi
exec sh scripts/twice.sh test-openstack-short "openstack and not long"
