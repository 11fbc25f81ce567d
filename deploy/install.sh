#!/bin/sh
# Installs this folder, or takes away what it installed. Settings and data stay, in /var/lib/tessera.
#
#   ./install.sh [uninstall]
#   PREFIX    where to (/usr/local)
#   DESTDIR   in front of it, for packages
set -eu

here=$(cd "$(dirname "$0")" && pwd)
prefix=${PREFIX:-/usr/local}
case $prefix in
    /*) ;;
    *) echo "PREFIX: is not an absolute path" >&2 && exit 2 ;;
esac
root=${DESTDIR:-}$prefix
# A unit has to be where systemd looks.
case $prefix in
    /usr | /usr/local) units=${DESTDIR:-}$prefix/lib/systemd/system ;;
    *) units=${DESTDIR:-}/etc/systemd/system ;;
esac

remove() {
    rm -rf "$root/lib/tessera" "$root/share/doc/tessera"
    rm -f "$root/bin/tessera" "$units/tessera.service"
}

case ${1:-install} in
    install) ;;
    uninstall)
        remove
        echo "Tessera is uninstalled; settings and data in /var/lib/tessera are still there"
        exit 0
        ;;
    *) echo "usage: install.sh [uninstall]" >&2 && exit 2 ;;
esac

remove
umask 022
mkdir -p "$root/bin" "$root/lib/tessera" "$root/share/doc/tessera" "$units"
for part in tessera hash.txt Leptos.toml site models; do
    [ ! -e "$here/$part" ] || cp -R "$here/$part" "$root/lib/tessera/"
done
ln -s "$prefix/lib/tessera/tessera" "$root/bin/tessera"
cp -R "$here/doc/." "$here/deploy" "$here/LICENSE" "$here/THIRD_PARTY_LICENSES" "$here/tessera.cdx.json" "$here/.env.example" \
    "$root/share/doc/tessera/"
sed "s|@PREFIX@|$prefix|" "$here/deploy/tessera.service" >"$units/tessera.service"

[ -z "${DESTDIR:-}" ] || exit 0
cat <<TEXT
Tessera is installed in $prefix. On a machine that has not had it:

    useradd --system --home-dir /var/lib/tessera --shell /usr/sbin/nologin tessera
    install -d -o tessera -g tessera -m 700 /var/lib/tessera
    cd /var/lib/tessera && runuser -u tessera -- $prefix/bin/tessera init
    runuser -u tessera -- $prefix/bin/tessera check
    systemctl daemon-reload && systemctl enable --now tessera

Proxies, backups and updates: $prefix/share/doc/tessera/DEPLOYMENT.md
TEXT
