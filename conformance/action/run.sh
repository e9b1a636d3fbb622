#!/usr/bin/env bash
# Runs the suite as the inputs say, which come by the environment. Annotations and the step summary are
# the runner's; this puts its arguments together and hands its verdict on.
set -euo pipefail

# The lines of $2 without the empty ones, each behind the flag $1 if there is one, in `words`.
lines() {
  local line
  while IFS= read -r line || [[ -n "$line" ]]; do
    line="${line%$'\r'}"
    if [[ -n "$line" ]]; then words+=(${1:+"$1"} "$line"); fi
  done <<<"$2"
}

words=(run --format github --dialect "$DIALECT")
lines --run "$RUN"
lines --skip "$SKIP"
if [[ -n "$KNOWN_FAILING" ]]; then words+=(--known-failing "$KNOWN_FAILING"); fi
if [[ -n "$CONFIG" ]]; then words+=(--config "$CONFIG"); fi
if [[ -n "$HTML" ]]; then words+=(--report "html=$HTML"); fi
if [[ -n "$JUNIT" ]]; then words+=(--report "junit=$JUNIT"); fi
if [[ -n "$JSON" ]]; then words+=(--report "json=$JSON"); fi
lines "" "$ARGS"
words+=(--)
lines "" "$PLUGIN"

status=0
"$RUNNER" "${words[@]}" || status=$?

case "$status" in
  0) verdict=conformant ;;
  1) verdict=not_conformant ;;
  2) verdict=usage ;;
  3) verdict=never_started ;;
  *) verdict=runner_fault ;;
esac
report=""
if [[ -n "$HTML" && -f "$HTML" ]]; then report="$(realpath "$HTML")"; fi
{
  echo "verdict=$verdict"
  echo "report=$report"
} >>"$GITHUB_OUTPUT"
exit "$status"
