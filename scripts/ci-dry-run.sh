#!/bin/sh
# What every CI calls (docs/ci): a dry run of the inventory, its findings as JUnit, SARIF and Markdown in OUT.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
out=${OUT:-out}
[ -n "${ORCHESTRATOR:-}" ] || { make -s -C "$here" setup; ORCHESTRATOR=$here/.venv/bin/orchestrator; }
mkdir -p "$out"
set -- --junit "$out/dry-run.xml" --sarif "$out/dry-run.sarif" --markdown "$out/dry-run.md"
[ -z "${BASELINE:-}" ] || set -- "$@" --baseline "$BASELINE"
[ -z "${REQUIRE_COVERAGE:-}" ] || set -- "$@" --require-coverage "$REQUIRE_COVERAGE"
[ -z "${INVENTORY:-}" ] || set -- "$@" "$INVENTORY"
exec "$ORCHESTRATOR" dry-run "$@"
