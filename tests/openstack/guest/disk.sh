#!/bin/bash
# A bootable disk from STAGED/root, without mounting anything: 1 MiB gap, 62 MiB FAT with syslinux, kernel and initrd, then ext4,
# last, so that it can be stretched. Usage: disk.sh STAGED PACKAGE_ROOT (the tools for the boot sector are in there)
set -euo pipefail
staged=$1 base=$2 root=$1/root disk=$1/disk.raw
size_mb=$(($(du -sm "$root" | cut -f1) + 350))
truncate -s $((64 + size_mb + 1))M "$disk"
python3 - "$disk" <<'PY'
import os, struct, sys

total = os.path.getsize(sys.argv[1]) // 512
rows = ((0x80, 0x0C, 2048, 126976), (0, 0x83, 131072, total - 131072))  # (bootable, type, first sector, sectors)
with open(sys.argv[1], "r+b") as disk:
    disk.seek(446)
    entries = [struct.pack("<B3sB3sII", flag, b"\xfe\xff\xff", kind, b"\xfe\xff\xff", first, count) for flag, kind, first, count in rows]
    disk.write(b"".join(entries) + bytes(32) + b"\x55\xaa")
PY
work=$(mktemp -d "$base/mnt/guest.XXXXXX")
trap 'rm -rf "$work"' EXIT
inside=/mnt/$(basename "$work")
cp "$root"/boot/vmlinuz-* "$work/vmlinuz"
cp "$root"/boot/initrd.img-* "$work/initrd"
cat > "$work/syslinux.cfg" <<'CFG'
DEFAULT linux
TIMEOUT 1
LABEL linux
  LINUX vmlinuz
  INITRD initrd
  APPEND root=LABEL=root ro console=tty0 console=ttyS0,115200 net.ifnames=0 mitigations=off
CFG
unshare --mount sh -ec 'mount -t proc proc "$0/proc"; exec chroot "$0" sh -ec "$1"' "$base" \
    "cd $inside; truncate -s 62M fat; mkfs.vfat -n BOOT fat >/dev/null; mcopy -i fat vmlinuz initrd syslinux.cfg ::; syslinux --install fat"
dd if="$work/fat" of="$disk" bs=1M seek=1 conv=notrunc,sparse status=none
dd if="$base/usr/lib/syslinux/mbr/mbr.bin" of="$disk" bs=440 count=1 conv=notrunc status=none
rm -rf "$root/boot"/initrd* "$root/boot"/vmlinuz*
mke2fs -q -F -t ext4 -L root -d "$root" -E offset=$((131072 * 512)) "$disk" ${size_mb}M
cp --sparse=always "$disk" "$work/disk.raw"
chroot "$base" qemu-img convert -f raw -O qcow2 "$inside/disk.raw" "$inside/disk.qcow2"
mv "$work/disk.qcow2" "$staged/debian-12.qcow2"
rm -rf "$disk" "$root"
