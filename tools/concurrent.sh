#!/bin/sh
# SPDX-FileCopyrightText: 2026 The DeFakePro Authors
# SPDX-License-Identifier: Apache-2.0

# Lists the packages whose code starts goroutines or is called from them: there is nothing for the race detector to find in the others, and sums
# take it ten times as long.
set -eu

go list -f '{{.ImportPath}} {{.Dir}} {{join .GoFiles " "}}' ./... | while read -r package dir files; do
	[ -n "$files" ] || continue
	cd "$dir"
	# shellcheck disable=SC2086 # names without spaces
	if grep -qE '^[[:space:]]*go (func\(|[a-zA-Z.]+\()|sync\.(Mutex|RWMutex|WaitGroup|Once)|errgroup\.|sql\.DB|atomic\.' $files; then
		echo "$package"
	fi
done
