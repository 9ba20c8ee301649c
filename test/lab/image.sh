#!/usr/bin/env bash
# What the lab's guests boot, made in the directory of the first argument: vmlinux and initramfs.cpio. The second is the directory of a built
# product (fenced, plugins/), the third the static program ./tool. The kernel is Debian's own, downloaded and unpacked, never installed; the
# programs are this machine's, with the libraries that they name.
set -euo pipefail
out=$1 product=$2 tool=$3
here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
mkdir -p "$out"; cd "$out"
exec 9>lock; flock 9 # another run in this tree makes it too

# Uncompressed, QEMU boots it by PVH, and nobody emulates the decompression.
if [ ! -s vmlinux ] || [ ! -d kernel ]; then
	package=$(apt-cache depends linux-image-amd64 | awk '$1 == "Depends:" {print $2; exit}')
	rm -rf kernel package; mkdir package
	(cd package && timeout 300 apt-get -qq -o APT::Sandbox::User=root download "$package")
	dpkg -x package/*.deb kernel
	image=$(echo kernel/boot/vmlinuz-*)
	at=$(LC_ALL=C grep -aobP '\xfd7zXZ\x00' "$image" | head -1 | cut -d: -f1)
	tail -c +$((at + 1)) "$image" | xz -dc --single-stream >vmlinux.new 2>/dev/null || true # what follows the stream is no xz
	readelf -n vmlinux.new 2>/dev/null | grep -q Xen || { echo "the kernel of $package has no PVH entry" >&2; exit 1; }
	mv vmlinux.new vmlinux
	rm -r package
fi
version=$(ls kernel/lib/modules)
[ -s "kernel/lib/modules/$version/modules.dep" ] || depmod -b kernel "$version"

root=root.new; rm -rf "$root"
mkdir -p "$root"/{bin,usr/bin,usr/sbin,usr/lib,lib,lib64,etc/corosync,etc/dlm,etc/fenced,root,tmp,run,dev,proc,sys,mnt,share,var/lib,var/log/cluster,usr/libexec/fenced/plugins}
ln -s /run "$root/var/run"; ln -s bin "$root/sbin"
below= # what lies under $root and need not be there again
add() { # a file, at the same path or that of the second argument, and what it is linked with
	install -D "$(readlink -f "$1")" "$root${2:-$1}"
	{ ldd "$1" 2>/dev/null || true; } | grep -oE '/[^ ]+' | while read -r l; do
		[ -e "$root$l" ] || { [ -n "$below" ] && [ -e "$below$l" ]; } || install -D "$(readlink -f "$l")" "$root$l"
	done || true
}
cp "$(command -v busybox)" "$root/bin/busybox"; ln -s busybox "$root/bin/sh"
cp "$tool" "$root/bin/tool"
for p in corosync corosync-cfgtool corosync-quorumtool corosync-cpgtool corosync-cmapctl dlm_controld dlm_tool mkfs.gfs2 fsck.gfs2; do
	add "$(command -v "$p")"
done
libraries=/usr/lib/$(uname -m)-linux-gnu
for l in "$libraries"/kronosnet/crypto_{nss,openssl}.so "$libraries"/lib{cpg,quorum,cmap,cfg,votequorum}.so.?; do add "$l"; done
add "/lib/$(uname -m)-linux-gnu/libgcc_s.so.1" # glibc loads it when a thread ends, and corosync aborts at its end without it
add "$product/fenced" /usr/sbin/fenced
for p in "$product"/plugins/fenced-plugin-{bmc,selffence}; do [ ! -e "$p" ] || cp "$p" "$root/usr/libexec/fenced/plugins/"; done
[ ! -e "$product/fenced-watchdog" ] || cp "$product/fenced-watchdog" "$root/usr/sbin/"
ln -s fenced "$root/usr/sbin/fence_node"; ln -s ../../sbin/fenced "$root/usr/libexec/fenced/fence_dlm"
strip "$root"/usr/sbin/fenced* "$root"/usr/libexec/fenced/plugins/* "$root/bin/tool" # a third less to unpack under emulation
cp -a "$here"/guest/. "$root/"
ldconfig -r "$root"

for m in virtio_pci virtio_blk virtio_net virtio_rng 9pnet_virtio 9p ext4 configfs crc32c_generic dlm gfs2 sctp softdog i6300esb; do
	modprobe -d "$PWD/kernel" -S "$version" --show-depends "$m" | awk '$1 == "insmod" {print $2}'
done | sort -u | while read -r f; do
	install -D -m644 "$f" "$root/lib/modules/$version/${f#*"/lib/modules/$version/"}"
done
cp "kernel/lib/modules/$version"/modules.{builtin,builtin.modinfo,order} "$root/lib/modules/$version/"
depmod -b "$root" "$version"

# A systemd userland, to be laid over that: the kernel takes archives one after the other. This machine's systemd and the units that a host has
# without udev, a login or a message bus; corosync's and dlm's units as Debian has them, fenced's as the product has them.
below=$root root=systemd.new; rm -rf "$root"; mkdir -p "$root"/{usr/bin,var/log,var/tmp,etc/systemd/system,usr/libexec/fenced}
for p in /lib/systemd/{systemd,systemd-shutdown,systemd-journald,systemd-cgroups-agent,system-generators/systemd-fstab-generator} /bin/{systemctl,journalctl,mount,umount}; do add "$p"; done
units=/lib/systemd/system
for u in {basic,sysinit,local-fs,local-fs-pre,swap,sockets,timers,paths,slices,multi-user,network,network-pre,network-online,remote-fs,remote-fs-pre,time-set,time-sync}.target \
	{nss-lookup,nss-user-lookup,shutdown,umount,final,reboot,poweroff,halt,rescue,emergency}.target systemd-{reboot,poweroff,halt}.service modprobe@.service sys-kernel-config.mount \
	systemd-journal{d.service,d.socket,d-dev-log.socket,-flush.service} corosync.service dlm.service; do
	install -D -m644 "$units/$u" "$root$units/$u"
done
for u in systemd-journald{,-dev-log}.socket; do mkdir -p "$root$units/sockets.target.wants"; ln -s "../$u" "$root$units/sockets.target.wants/"; done
for u in systemd-journald.service systemd-journal-flush.service sys-kernel-config.mount; do mkdir -p "$root$units/sysinit.target.wants"; ln -s "../$u" "$root$units/sysinit.target.wants/"; done
ln -s multi-user.target "$root$units/default.target"
ln -s ../lib/journal "$root/var/log/journal" # on the machine's own disk: read after the boot what was said before it
install -D -m644 /etc/default/corosync "$root/etc/default/corosync"
ln -s /bin/busybox "$root/usr/bin/chgrp"
ln -s ../../sbin/fenced-watchdog "$root/usr/libexec/fenced/fenced-watchdog"
cp -a "$here"/../../configs/systemd/fenced{,-watchdog}.service "$here"/../../configs/systemd/fenced.service.d "$root/etc/systemd/system/"
cp -a "$here"/systemd/. "$root/"

# Not compressed: unpacking would be emulated, too.
pack() { (cd "$1" && find . | cpio -o -H newc -R 0:0 --quiet); }
pack "$below" >initramfs.new
{ cat initramfs.new; pack "$root"; } >initramfs-systemd.new
mv initramfs.new initramfs.cpio; mv initramfs-systemd.new initramfs-systemd.cpio
rm -rf "$below" "$root"
