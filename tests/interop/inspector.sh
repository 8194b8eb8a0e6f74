#!/usr/bin/env bash
# The Inspector's command line lists and calls tools, and reads resources and prompts, in both eras of
# the protocol.
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
  inspect --protocol-era "$era" --method resources/list
  grep -q '"trackio://demo-main/baseline"' "$out" || { echo "a run is not listed ($era)" >&2; exit 1; }
  inspect --protocol-era "$era" --method resources/templates/list
  grep -q '{metric}.csv' "$out" || { echo "no template ($era)" >&2; exit 1; }
  inspect --protocol-era "$era" --method resources/read --uri trackio://demo-main/baseline/metrics/train%2Floss.csv
  grep -q 'step,timestamp,value' "$out" || { echo "no table ($era)" >&2; exit 1; }
  inspect --protocol-era "$era" --method prompts/list
  grep -q '"weekly_report"' "$out" || { echo "a prompt is not listed ($era)" >&2; exit 1; }
  inspect --protocol-era "$era" --method prompts/get --prompt-name debug_run --prompt-args run=baseline
  grep -q 'get_snapshot' "$out" || { echo "no plan ($era)" >&2; exit 1; }
  echo "  $era: listed without a finding, called, read, prompted"
done
