#!/bin/sh
# twice.sh TARGET [MARKS]: make TARGET; where tests of one to three files failed, these tests are run once more, alone, and named.
# For a machine that others share: a test that passes only alone stands red in the log, to be explained (docs/decisions/0031).
set -u
cd "$(dirname "$0")/.."
kept=.pytest_cache/v/cache/lastfailed
rm -f "$kept"
make "$1" && exit 0
[ -s "$kept" ] || exit 1
marks=${2-}
# shellcheck disable=SC2046
set -- $(.venv/bin/python -c 'import json, sys; print(*sorted({one.partition("::")[0] for one in json.load(sys.stdin)}))' <"$kept")
if [ $# -eq 0 ] || [ $# -gt 3 ]; then
    echo "failed in $# files: not run again" >&2
    exit 1
fi
echo "UNSTEADY, run again alone: $*" >&2
exec .venv/bin/python -m pytest -rs --last-failed ${marks:+-m "$marks"} "$@"
