#!/usr/bin/env bash
# The Inspector's command line starts the server from the file that `install` wrote.
#
#     installed.sh BINARY TRACKIO_DIR        (with `mcp-inspector` on the path)
set -euo pipefail
binary=$1 directory=$2
export MCP_INSPECTOR_SECRET_STORE=memory
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT

HOME=$home TRACKIO_DIR=$directory "$binary" install --edit cursor claude-code >/dev/null
for file in .cursor/mcp.json .claude.json; do
  # Nothing of this shell but what node needs.
  env -i HOME="$home" PATH="$PATH" MCP_INSPECTOR_SECRET_STORE=memory \
    mcp-inspector --cli --config "$home/$file" --server trackio \
    --method tools/call --tool-name get_settings --format json >"$home/out" 2>"$home/err" ||
    { cat "$home/out" "$home/err" >&2; exit 1; }
  grep -q "$directory" "$home/out" || { echo "$file: other data" >&2; cat "$home/out" >&2; exit 1; }
  echo "  $file: started and called"
done
