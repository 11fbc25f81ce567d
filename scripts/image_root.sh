#!/usr/bin/env bash
# The root file system of the image (Dockerfile): the staged program, the libraries that it is linked with, the CAs, and
# a user. Nothing else: no shell, no package manager.
#
#   scripts/image_root.sh STAGE FOLDER
set -euo pipefail

stage=${1:?usage: scripts/image_root.sh STAGE FOLDER}
root=${2:?usage: scripts/image_root.sh STAGE FOLDER}
readonly id=65532

umask 022
rm -rf "$root"
mkdir -p "$root"/{etc/ssl/certs,opt,usr/lib}
# As Debian has them: the loader's path is a constant of the program.
for folder in lib lib64; do
    mkdir -p "$root/usr/$folder"
    ln -s "usr/$folder" "$root/$folder"
done
cp -r "$stage" "$root/opt/tessera"
rm -rf "$root/opt/tessera"/{deploy,doc,install.sh,.env.example}

# What the loader asks for, and what glibc opens when it looks names up.
libraries=$(ldd "$stage/tessera" | awk '{ for (i = 1; i <= NF; i++) if ($i ~ /^\//) print $i }')
for library in $libraries; do
    target=$root$(readlink -f "$(dirname "$library")")/$(basename "$library")
    mkdir -p "$(dirname "$target")"
    cp -L "$library" "$target"
done
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
printf 'tessera:x:%d:%d::/data:/nowhere\n' $id $id >"$root/etc/passwd"
printf 'tessera:x:%d:\n' $id >"$root/etc/group"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
mkdir -m 1777 "$root/tmp"
mkdir -m 700 "$root/data"
chown $id:$id "$root/data"
