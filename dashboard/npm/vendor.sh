#!/bin/sh
# SPDX-FileCopyrightText: 2026 The DeFakePro Authors
# SPDX-License-Identifier: Apache-2.0

# Writes anew what others made for the pages: livekit-client, with the licences of all that is in its bundle, and for the
# tests axe-core. The versions and their hashes are those of package-lock.json, and no script of theirs is run.
set -eu
cd "$(dirname "$0")"

vendor=../static/vendor
# What this machine wrote itself, and nobody has touched since, need not be fetched again. Sums that came with the tree would prove nothing.
written=../../.cache/vendored
if sha256sum --check --status "$written" 2>/dev/null; then
	exit 0
fi
command -v npm >/dev/null || { echo "dashboard: npm is needed to write vendored files anew (Debian: apt-get install npm)" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp package.json package-lock.json "$work"
(cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)

mkdir -p "$vendor" ../testdata
# Without the address of the source map, which is not served.
sed '/^\/\/# sourceMappingURL=/d' "$work/node_modules/livekit-client/dist/livekit-client.umd.js" >"$vendor/livekit-client.js"
cp "$work/node_modules/axe-core/axe.min.js" ../testdata/axe.min.js
(
	cd "$work"
	echo "livekit-client.js is the distribution of livekit-client, with what it builds on:"
	npm ls --omit=dev --all --parseable | sed -n 's|.*/node_modules/||p' | LC_ALL=C sort -u | while read -r name; do
		node -e 'const p = require("./node_modules/" + process.argv[1] + "/package.json"); console.log(`\n---- ${p.name} ${p.version}, ${p.license}`)' "$name"
		find "node_modules/$name" -maxdepth 1 -type f -iname 'licen[sc]e*' -o -maxdepth 1 -type f -iname 'notice*' | LC_ALL=C sort | while read -r f; do
			echo
			cat "$f"
		done
	done
) | tr -d '\r' >"$vendor/LICENSES.txt"
mkdir -p ../../.cache
sha256sum package.json package-lock.json vendor.sh "$vendor/livekit-client.js" "$vendor/LICENSES.txt" ../testdata/axe.min.js >"$written"
