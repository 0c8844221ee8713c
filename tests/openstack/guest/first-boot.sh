#!/bin/sh
# What cloud-init does on the images of real clouds, as far as the lab needs it: name and key from the config drive, one host key,
# printed on the console between the lines that cloud-init prints there.
set -e
mkdir -p /run/config-drive
mount -r -t iso9660 /dev/disk/by-label/config-2 /run/config-drive
python3 - <<'PY'
import json, os, pathlib, pwd, subprocess

told = json.loads(pathlib.Path("/run/config-drive/openstack/latest/meta_data.json").read_text())
name = told["name"]
pathlib.Path("/etc/hostname").write_text(name + "\n")
pathlib.Path("/etc/hosts").write_text(f"127.0.0.1 localhost {name}\n")  # without its own name every sudo waits for a DNS server
subprocess.run(["hostname", name], check=True)
user = pwd.getpwnam("debian")
folder = pathlib.Path(user.pw_dir, ".ssh")
folder.mkdir(mode=0o700, exist_ok=True)
keys = folder / "authorized_keys"
keys.write_text("".join(told.get("public_keys", {}).values()))
for path in (folder, keys):
    os.chown(path, user.pw_uid, user.pw_gid)
PY
umount /run/config-drive
[ -e /etc/ssh/ssh_host_ed25519_key ] || ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
growpart /dev/vda 2 && resize2fs /dev/vda2 || true
{ echo '-----BEGIN SSH HOST KEY KEYS-----'; cat /etc/ssh/ssh_host_ed25519_key.pub; echo '-----END SSH HOST KEY KEYS-----'; } > /dev/console
