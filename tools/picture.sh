#!/bin/sh
# SPDX-FileCopyrightText: 2026 The DeFakePro Authors
# SPDX-License-Identifier: Apache-2.0

# Writes the picture of the README, docs/check.svg: the first frequency plot of the demo's report, as a file of its own.
# `picture.sh REPORT.html >docs/check.svg`
set -eu

awk -v css="$(dirname "$0")/../report/templates/chart.css" '
	!open && /<svg class="chart wide"/ && /Frequency of the recording/ { open = 1; first = 1 }
	open {
		print
		if (first) {
			print "<style>"
			while ((getline line <css) > 0) print line
			print "</style>"
			first = 0
		}
		depth += gsub(/<svg/, "<svg") - gsub(/<\/svg>/, "</svg>")
		if (depth == 0) exit
	}
' "$1"
