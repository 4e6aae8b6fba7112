#!/bin/sh
# SPDX-FileCopyrightText: 2026 The DeFakePro Authors
# SPDX-License-Identifier: Apache-2.0

# Installs what the build and the demo need beside Go, where it is missing; says what is missing where it cannot.
# `deps.sh test` installs what the tests need beside that.
set -eu

need=""
have() { command -v "$1" >/dev/null 2>&1; }
lib() { have pkg-config && pkg-config --exists "$1"; }

have go || { echo "deps: no go on the PATH; install Go 1.26 or newer from https://go.dev/dl" >&2; exit 1; }
have gcc || have cc || need="$need gcc libc6-dev"
have ffmpeg || need="$need ffmpeg"
have pkg-config || need="$need pkg-config"
for l in libavcodec libavformat libavutil libswscale; do
	lib "$l" || need="$need $l-dev"
done
if [ "${1:-}" = test ]; then
	have npm || need="$need npm"                              # pages: what others made for them, written anew
	have chromium || have google-chrome || need="$need chromium" # pages, as people see them
	have bsdtar || need="$need libarchive-tools"              # the baseline's own pictures,
	have djpeg || need="$need libjpeg-turbo-progs"            # decoded as its authors did
fi
[ -n "$need" ] || exit 0

if ! have apt-get; then
	echo "deps: missing:$need (Debian's names); install them with this system's package manager, then try again" >&2
	exit 1
fi
sudo=""
if [ "$(id -u)" != 0 ]; then
	have sudo || { echo "deps: missing:$need; as root: apt-get install$need" >&2; exit 1; }
	sudo=sudo
fi
echo "deps: installing$need" >&2
# shellcheck disable=SC2086 # the list is meant to split
{ $sudo apt-get update -q && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $need; } >&2 || {
	echo "deps: could not install:$need" >&2
	exit 1
}
