#!/bin/sh
# What the lab needs on this machine (tests/lab/README.md), installed where root on Debian finds it missing. Never fails: what could
# not be installed is named by the tests that are skipped for want of it.
set -eu
packages=
need() { command -v "$1" >/dev/null 2>&1 || packages="$packages $2"; }
need mmdebstrap mmdebstrap
need systemd-nspawn systemd-container
need ip iproute2
need tc iproute2
need nsenter util-linux
need setpriv util-linux
need ssh openssh-client
need rsync rsync
[ -n "$packages" ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
{ apt-get -qq update && apt-get -qq install -y --no-install-recommends $packages >/dev/null; } ||
    echo "could not be installed:$packages; the lab's tests will be skipped" >&2
