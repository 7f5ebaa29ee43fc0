#!/usr/bin/env bash
# Installs the Debian packages that tests use (headless Chromium for the web page,
# Pango for reports as PDF, PostgreSQL's programs for the registry on it, nginx in front of replicas).
# Tests start a PostgreSQL of their own: Debian makes and starts none here.
# Without root or apt it says so and leaves those tests to skip.
set -euo pipefail
packages=(chromium libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 postgresql nginx-light)

missing=()
for package in "${packages[@]}"; do
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
    echo "not installed (needs root and apt-get): ${missing[*]}; the tests that use them will skip" >&2
    exit 0
fi
# Where nothing can be started, as in a container, the package's own cluster would fail to.
cluster=/etc/postgresql-common/createcluster.d/classmark.conf
if [ ! -d /etc/postgresql ]; then
    mkdir -p "$(dirname "$cluster")"
    echo "create_main_cluster = false" > "$cluster"
    trap 'rm -f "$cluster"' EXIT
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
