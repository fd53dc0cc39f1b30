#!/usr/bin/env bash
# The tests that take minutes: run before a release, from anywhere.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec "${PYTHON:-python}" -m pytest -q -m slow "$@"
