#!/bin/sh
# SPDX-FileCopyrightText: 2026 The DeFakePro Authors
# SPDX-License-Identifier: Apache-2.0

# Lists the packages whose tests hold calls, drive a browser or run nodes, which go by the clock and bear no neighbours: those whose tests import, if by others,
# the conference, LiveKit, Chromium's driver or the node. `quiet.sh others` lists all other packages.
set -eu

module=$(go list -m)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go list ./... >"$work/all"
go list -test -f '{{.ImportPath}} {{join .Deps " "}}' ./... >"$work/imports"
# A package's tests are the program PACKAGE.test.
grep -E "^[^ ]+\.test .*($module/(conference|internal/livekit|ledger/comet)|github\.com/chromedp/chromedp)( |$)" "$work/imports" | sed 's/\.test .*//' >"$work/quiet"
[ -s "$work/quiet" ] || { echo "quiet.sh: no package holds calls, which cannot be" >&2; exit 1; }
case ${1-} in
others) grep -vxFf "$work/quiet" "$work/all" ;;
*) cat "$work/quiet" ;;
esac
