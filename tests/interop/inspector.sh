#!/usr/bin/env bash
# The Inspector's command line lists and calls tools in both eras of the protocol.
#
#     inspector.sh BINARY TRACKIO_DIR        (with `mcp-inspector` on the path)
set -euo pipefail
binary=$1 directory=$2
export MCP_INSPECTOR_SECRET_STORE=memory
out=$(mktemp)
trap 'rm -f "$out" "$out.err"' EXIT

inspect() {
  if ! mcp-inspector --cli "$binary" --dir "$directory" "$@" >"$out" 2>"$out.err"; then
    echo "mcp-inspector $* failed:" >&2
    cat "$out" "$out.err" >&2
    return 1
  fi
}

for era in legacy modern; do
  inspect --protocol-era "$era" --method tools/list --strict
  if grep -Eq '^(Error|Warning): ' "$out.err"; then
    echo "findings of --strict ($era):" >&2
    cat "$out.err" >&2
    exit 1
  fi
  grep -q '"get_run_summary"' "$out" || { echo "no tools listed ($era)" >&2; exit 1; }
  inspect --protocol-era "$era" --method tools/call --tool-name get_run_summary \
    --tool-arg project=demo-main --tool-arg run=baseline --format json
  grep -q '"num_logs"' "$out" || { echo "no structured answer ($era):" >&2; cat "$out" >&2; exit 1; }
  echo "  $era: listed without a finding, called"
done
