#!/bin/sh
# SPDX-FileCopyrightText: 2026 The DeFakePro Authors
# SPDX-License-Identifier: Apache-2.0

# Runs a command and fails if it changed any file of the source tree, naming it: `unchanged.sh go generate ./...`.
# Uncommitted work is no obstacle, and neither is a tree without git.
set -eu

before=$(mktemp)
after=$(mktemp)
trap 'rm -f "$before" "$after"' EXIT
sums() { find . -type f -not -path './.git/*' -not -path './.cache/*' -exec cksum {} + | sort -k 3; }

sums >"$before"
"$@"
sums >"$after"
diff "$before" "$after" >&2 || { echo "$*: the files above were not up to date; run make gen" >&2; exit 1; }
