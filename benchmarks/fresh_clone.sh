#!/usr/bin/env bash
# From nothing to a served model: seconds of `make run` and `make test` on a fresh clone.
#
# Usage: bash benchmarks/fresh_clone.sh [run] [test]     both by default
set -euo pipefail
cd "$(dirname "$0")/.."
steps=("${@:-run test}")
clone=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$clone"' EXIT
git clone --quiet . "$clone/classmark"
cd "$clone/classmark"

if [[ " ${steps[*]} " == *" run "* ]]; then
    start=$SECONDS
    make run >"$clone/run.log" 2>&1 &
    server=$!
    until curl --silent --fail http://127.0.0.1:8000/ready >/dev/null; do
        kill -0 "$server" 2>/dev/null || { cat "$clone/run.log"; exit 1; }
        sleep 1
    done
    echo "make run: ready after $((SECONDS - start)) s"
    curl --silent --fail http://127.0.0.1:8000/predict -H 'Content-Type: application/json' \
        -d '{"texts": ["A robot arm learns to fold towels from a few demonstrations."]}'
    echo
    curl --silent --fail --location http://127.0.0.1:8000/ui --output "$clone/page.html"
    grep --quiet '<title>' "$clone/page.html" && echo "the page answers"
    grep --fixed-strings 'A/B result' --after-context 3 "$clone/run.log"
    pkill -TERM -f "$clone.*classmark serve" || pkill -TERM -P "$server" || true
    wait "$server" || true
fi

if [[ " ${steps[*]} " == *" test "* ]]; then
    start=$SECONDS
    make test >"$clone/test.log" 2>&1 || { tail -50 "$clone/test.log"; exit 1; }
    tail -1 "$clone/test.log"
    echo "make test: $((SECONDS - start)) s"
fi
