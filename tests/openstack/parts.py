"""What the lab is made of: package root, databases, guest image, provider. Each is made once, kept outside of the checkout
under a name that its recipe gives it, and made again when the recipe changes."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.base import HOME, SUITE
from tests.lab.shell import LabError, run

HERE = Path(__file__).resolve().parent
CONTROL, GUEST = HERE / "control", HERE / "guest"
PACKAGES = (
    # data and messages: the -core packages have the server programs without their service scripts
    *("mariadb-server-core", "mariadb-client-core", "rabbitmq-server"),
    *("keystone", "placement-api", "glance-api", "nova-api", "nova-conductor", "nova-scheduler"),
    *("neutron-server", "neutron-linuxbridge-agent", "neutron-dhcp-agent"),
    *("cinder-api", "cinder-scheduler", "cinder-volume"),
    # what nova-compute works with; the package itself pulls qemu for every architecture, so its files are unpacked below
    *("libvirt-daemon-system", "libvirt-clients", "libvirt-daemon-driver-qemu", "python3-libvirt"),
    *("qemu-system-x86", "qemu-utils", "qemu-block-extra", "genisoimage"),
    *("iproute2", "iptables", "ebtables", "ipset", "conntrack", "dnsmasq-base", "iputils-arping", "iputils-ping", "bridge-utils"),
    *("openssh-client", "procps", "sudo", "kmod", "python3-openstackclient", "python3-openstacksdk"),
    # boot sector of the guest image
    *("syslinux", "syslinux-common", "mtools", "dosfstools"),
)
NOVA_COMPUTE = (
    'chroot "$1" sh -ec "mkdir /tmp/x; cd /tmp/x; apt-get download nova-compute; dpkg -x nova-compute_*.deb unpacked; '
    'cp unpacked/usr/bin/nova-compute /usr/bin/; mkdir -p /etc/nova/rootwrap.d; cp -n unpacked/etc/nova/rootwrap.d/* /etc/nova/rootwrap.d/; '
    'cd /; rm -rf /tmp/x"'
)
SLIM = tuple(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "doc", "locale", "info"))
GUEST_PACKAGES = (
    *("linux-image-cloud-amd64", "initramfs-tools", "lz4", "systemd-sysv", "udev", "dbus", "openssh-server", "cloud-guest-utils"),
    *("kmod", "fdisk", "e2fsprogs", "sudo", "iproute2", "iputils-ping", "netbase", "procps", "python3", "nftables"),
)
PROVIDER = "3.4.0"
PROVIDER_MODULE = "github.com/terraform-provider-openstack/terraform-provider-openstack/v3"


@contextmanager
def made_once(kind: str, recipe: str) -> Iterator[tuple[Path, Path | None]]:
    """The folder of a part; and, while it is not there, the one to make it in, which takes its place when the body ends well."""
    folder = HOME / f"openstack-{kind}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / f"openstack-{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            yield folder, None
            return
        staged = folder.with_name(f"{folder.name}.new")
        run(["rm", "-rf", "--one-file-system", str(staged)])
        yield folder, staged
        staged.rename(folder)


def package_root() -> Path:
    """Debian with the packages of an OpenStack control plane: 755 of them, 1.7 GB, about four minutes."""
    argv = [
        "mmdebstrap", "--quiet", "--mode=root", "--variant=apt", "--components=main", *SLIM, '--aptopt=Acquire::Languages "none"',
        f"--include={','.join(PACKAGES)}", f"--customize-hook={NOVA_COMPUTE}", SUITE,
    ]  # fmt: skip
    with made_once("root", " ".join(argv)) as (folder, staged):
        if staged is not None:
            run([*argv, str(staged)], limit=1800)
    return folder


def read_recipe(folder: Path) -> str:
    """Every file of a folder with its name: what a part is made from."""
    return "\n".join(f"{file.relative_to(folder)}\n{file.read_text()}" for file in sorted(folder.rglob("*")) if file.is_file())


def databases(build: Callable[[Path, Path], None]) -> Path:
    """The schemas, keys and catalogue of a fresh cloud as an overlay's upper folder over the package root; about a minute.
    ``build(root, upper)`` starts what makes them."""
    root = package_root()
    with made_once("databases", f"{root.name}\n{read_recipe(CONTROL)}") as (folder, staged):
        if staged is not None:
            staged.mkdir()
            build(root, staged)
    return folder


def guest_image() -> Path:
    """A bootable Debian disk without cloud-init: its first boot reads the config drive. About a minute; no mount is needed."""
    root = package_root()
    with made_once("guest", f"{root.name}\n{GUEST_PACKAGES}\n{read_recipe(GUEST)}") as (folder, staged):
        if staged is not None:
            staged.mkdir()
            include = f"--include={','.join(GUEST_PACKAGES)}"
            argv = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", *SLIM, '--aptopt=Acquire::Languages "none"', include]
            hooks = (GUEST / "hooks").read_text().splitlines()
            argv += [f"--{line.replace('@GUEST@', str(GUEST))}" for line in hooks if line and not line.startswith("#")]
            run([*argv, SUITE, str(staged / "root")], limit=1200)
            run(["bash", str(GUEST / "disk.sh"), str(staged), str(root)], limit=600)
    return folder / "debian-12.qcow2"


def terraform_rc() -> Path:
    """The command line configuration with which Terraform finds the provider: in a mirror, built from its Go module at a pinned version.

    Where Terraform's own registry is reached nothing of this is needed: set ``OPENSTACK_LAB_REGISTRY=1``.
    """
    if os.environ.get("OPENSTACK_LAB_REGISTRY"):
        return Path(os.devnull)
    name = f"terraform-provider-openstack_v{PROVIDER}"
    place = Path("registry.terraform.io/terraform-provider-openstack/openstack") / PROVIDER / "linux_amd64"
    with made_once("provider", f"{PROVIDER_MODULE} {PROVIDER}") as (folder, staged):
        if staged is not None:
            go = shutil.which("go")
            if go is None:
                raise LabError("Go is needed to build the provider; or set OPENSTACK_LAB_REGISTRY=1 where Terraform's registry is reached")
            (staged / place).mkdir(parents=True)
            built = staged / place / "terraform-provider-openstack"
            source = f"{PROVIDER_MODULE}@v{PROVIDER}"
            run(["env", f"GOBIN={built.parent}", "CGO_ENABLED=0", go, "install", "-trimpath", source], limit=1800)
            built.rename(built.with_name(name))
            (staged / "sha256").write_text(hashlib.sha256(built.with_name(name).read_bytes()).hexdigest() + "\n")
            (staged / "terraform.rc").write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{folder}"\n  }}\n}}\n')
    program = folder / place / name
    if hashlib.sha256(program.read_bytes()).hexdigest() != (folder / "sha256").read_text().strip():
        raise LabError(f"{program} is not what was built: remove {folder}, and it is built again")
    return folder / "terraform.rc"
