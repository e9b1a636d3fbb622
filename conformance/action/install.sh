#!/usr/bin/env bash
# Installs the runner of version $VERSION from npm, away from the project's own packages, and says where
# it is.
set -euo pipefail

if [[ ! "$VERSION" =~ ^[0-9A-Za-z][0-9A-Za-z.+-]*$ ]]; then
  echo "::error::version: '${VERSION//$'\n'/ }' is none; a version is 0.1.0 or latest"
  exit 2
fi
if ! command -v npm >/dev/null; then
  echo "::error::npm is missing: put actions/setup-node before this action, or name an installed runner"
  exit 2
fi
prefix="$RUNNER_TEMP/temps-plugin-conformance"
npm install --prefix "$prefix" --no-save --no-audit --no-fund --loglevel error \
  "temps-plugin-conformance@$VERSION"
echo "runner=$prefix/node_modules/.bin/temps-plugin-conformance" >>"$GITHUB_OUTPUT"
