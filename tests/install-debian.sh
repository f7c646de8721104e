#!/bin/sh
# What `make test-all` needs beyond Python, from Debian's packages: Prometheus, Alertmanager, promtool and amtool;
# Java, which runs Apache Kafka, Maven, which fetches it, and openssl, which makes certificates. A java, mvn or
# openssl of another origin does as well.
set -eu
packages="prometheus prometheus-alertmanager"
missing=""
for package in $packages; do
    dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
command -v java >/dev/null || missing="$missing default-jre-headless"
command -v mvn >/dev/null || missing="$missing maven"
command -v openssl >/dev/null || missing="$missing openssl"
[ -z "$missing" ] && exit 0
[ "$(id -u)" = 0 ] || { echo "run as root: apt-get install --no-install-recommends$missing"; exit 1; }
apt-get update -qq
# Debian starts what it installs; the tests bring their own, on ports of their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
