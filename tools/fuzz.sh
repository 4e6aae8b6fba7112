#!/bin/sh
# SPDX-FileCopyrightText: 2026 The DeFakePro Authors
# SPDX-License-Identifier: Apache-2.0

# Runs every fuzz target of the module, one after another, for $FUZZTIME each (10m), and prints a line on each: package, target, time,
# executions, findings. `fuzz.sh PATTERN` runs those alone whose package and target, as printed, match. What a finding is, and the input
# that shows it, goes to the standard error and to testdata/fuzz; the exit status is then 1.
set -eu

time=${FUZZTIME:-10m}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
targets() {
	grep -rEo '^func Fuzz[A-Za-z0-9_]+\(' --include='*_test.go' . | sed -E 's|^(.*)/[^/]*:func (Fuzz[^(]*)\($|\1 \2|' | sort
}
printf '%s\t%s\t%s\t%s\t%s\n' package target time executions findings
targets | grep -E -e "${1:-.}" >"$log.targets" || { echo "fuzz: no target matches" >&2; exit 3; }
trap 'rm -f "$log" "$log.targets"' EXIT
while read -r package target; do
	findings=0
	began=$(date +%s)
	go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package" >"$log" 2>&1 || { findings=1; status=1; cat "$log" >&2; }
	executions=$(sed -n 's/.* execs: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
	printf '%s\t%s\t%ss\t%s\t%s\n' "$package" "$target" "$(($(date +%s) - began))" "${executions:-0}" "$findings"
done <"$log.targets"
exit $status
