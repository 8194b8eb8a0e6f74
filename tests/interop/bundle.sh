#!/usr/bin/env bash
# The bundle is one to its own tool: the manifest is valid, and what is in it can be unpacked and started.
#
#     bundle.sh FILE.mcpb        (with `mcpb` on the path)
set -euo pipefail
bundle=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

mcpb validate packaging/manifest.json
mcpb unpack "$bundle" "$scratch/bundle" >/dev/null
mcpb validate "$scratch/bundle/manifest.json"
version=$("$scratch/bundle/server/mcp-trackio" --version)
echo "  $(basename "$bundle"): $(stat -c %s "$bundle") bytes, unpacked, $version"
