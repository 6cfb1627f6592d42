#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# tools/debian_root.sh SUITE COMMAND...: runs a command, on this source tree, in a minimal Debian of another suite.
#
# The root lies in build/tools/debian/SUITE; the first use makes it, which takes about two minutes. Mirror and
# proxy are those of this machine's apt; EDDY_DEBIAN_MIRROR names another mirror. All mounts are made in a
# namespace of this script's own, so the kernel takes them away when it ends, however it ends.
set -euo pipefail

die() {
  printf 'debian_root: %s\n' "$*" >&2
  exit 1
}

source_tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

if [[ ${EDDY_ROOT_NAMESPACE:-} != "$$" ]]; then
  (($# >= 2)) || die "usage: tools/debian_root.sh SUITE COMMAND..."
  ((EUID == 0)) || die "needs root, to make a Debian of another suite and to change into it (mount, chroot):
  run the same command with sudo, or install the compiler on this machine"
  command -v debootstrap >/dev/null || die "needs debootstrap (apt-get install debootstrap)"
  export EDDY_ROOT_NAMESPACE=$$
  exec unshare --mount --propagation private -- "${BASH_SOURCE[0]}" "$@"
fi
unset EDDY_ROOT_NAMESPACE

suite=$1
shift
roots=$source_tree/build/tools/debian
root=$roots/$suite

# Where this machine gets Debian's packages from.
mirror() {
  if [[ -n ${EDDY_DEBIAN_MIRROR:-} ]]; then
    printf '%s\n' "$EDDY_DEBIAN_MIRROR"
    return
  fi
  # shellcheck disable=SC2016  # apt fills in the names
  apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' |
    awk '($1 == "Debian" && $2 !~ /security/) || $NF ~ /\/debian\/$/ { print $NF; exit }'
}

make_root() {
  local from part=$root.part
  from=$(mirror)
  [[ -n $from ]] || die "apt of this machine names no mirror of Debian: set EDDY_DEBIAN_MIRROR to the address of one"
  printf '+ debootstrap --variant=minbase %s %s\n' "$suite" "$root" >&2
  rm -rf --one-file-system "$part"
  mkdir -p "$roots"
  # debootstrap does not ask apt.
  local http_proxy=${http_proxy:-} https_proxy=${https_proxy:-}
  eval "$(apt-config shell http_proxy Acquire::http::Proxy https_proxy Acquire::https::Proxy)"
  export http_proxy https_proxy
  if ! debootstrap --variant=minbase "$suite" "$part" "$from" >"$roots/$suite.log" 2>&1; then
    tail -n 20 "$roots/$suite.log" >&2
    die "debootstrap failed: all of it is in $roots/$suite.log"
  fi
  mv "$part" "$root"
}

[[ -d $root ]] || make_root

# How apt of this machine reaches the mirror; none of what it runs before and after.
apt-config dump | grep '^Acquire::' |
  grep -Ev '^Acquire::(IndexTargets|Changelogs|CompressionTypes|Languages|cdrom)' \
    >"$root/etc/apt/apt.conf.d/80machine" || true
for file in /etc/resolv.conf /etc/hosts; do
  if [[ -e $file ]]; then cp -L "$file" "$root$file"; fi
done

for folder in /proc /sys /dev; do
  mount --rbind "$folder" "$root$folder"
done
mkdir -p "$root$source_tree"
mount --bind "$source_tree" "$root$source_tree"

kept=()
for name in CI TERM EDDY_IN_ROOT; do
  if [[ -n ${!name:-} ]]; then kept+=("$name=${!name}"); fi
done
# No exec: the shell that holds the namespace stays until the command has ended.
# shellcheck disable=SC2016  # the shell inside expands them
env -i "${kept[@]}" PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
  chroot "$root" /bin/sh -c 'cd "$0" && exec "$@"' "$source_tree" "$@"
