"""What the lab is made of: package root, databases, guest image, provider. Each is made once, kept outside of the checkout
under a name that its recipe gives it, and made again when the recipe changes."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from orchestrator.tools import programs
from tests.lab.base import HOME, SUITE, UNREACHABLE
from tests.lab.shell import LabError, NoLab, run

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
COMPILE = 'chroot "$1" python3 -m compileall -q -j 2 /usr/lib/python3/dist-packages || true'
SLIM = tuple(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "doc", "locale", "info"))
GUEST_PACKAGES = (
    *("linux-image-cloud-amd64", "initramfs-tools", "lz4", "systemd-sysv", "udev", "dbus", "openssh-server", "cloud-guest-utils"),
    *("kmod", "fdisk", "e2fsprogs", "sudo", "iproute2", "iputils-ping", "netbase", "procps", "python3", "nftables", "cron"),
    # servers have no way out: what a system may need that is moved there is on the image
    *("postgresql", "python3-psycopg2", "rsync", "acl", "attr", "curl"),
)
PROVIDER = "3.4.0"
PROVIDER_MODULE = "github.com/terraform-provider-openstack/terraform-provider-openstack/v3"
PROVIDER_SUM = "h1:Ap8gvameIY5ZM7CMh7fngP/VoIyeupzKX3izoyfp9yg="
"""Go's checksum of the module at that version: another text under the same version is not built."""
MIRROR = "http://deb.debian.org/debian"
MODULE = HERE.parents[1] / "terraform/modules/openstack"
REACHED_SECONDS = 20


def part_folder(kind: str, recipe: str) -> Path:
    """Where a part is, or will be, kept."""
    return HOME / f"openstack-{kind}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


@contextmanager
def made_once(kind: str, recipe: str) -> Iterator[tuple[Path, Path | None]]:
    """The folder of a part; and, while it is not there, the one to make it in, which takes its place when the body ends well."""
    folder = part_folder(kind, recipe)
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


GO_UNREACHABLE = ("dial tcp", "i/o timeout", "TLS handshake", "no such host", "connection reset", "502 ", "503 ", "unexpected EOF")
"""What Go says when there is no way to its module proxy."""


def fetch(argv: list[str], *, limit: float) -> str:
    """Run what makes a part out of what it fetches. Raises NoLab where that is not reached, or not in time; LabError for any other
    failure: that one is a fault of the recipe's."""
    try:
        return run(argv, limit=limit)
    except subprocess.TimeoutExpired as error:
        raise NoLab(f"{' '.join(argv)[:100]}… was not done within {limit:.0f} s") from error
    except LabError as error:
        if any(words in str(error) for words in (*UNREACHABLE, *GO_UNREACHABLE)):
            raise NoLab(f"what the OpenStack is made of was not reached: {str(error)[-300:]}") from error
        raise


ALONE = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc")
"""mmdebstrap mounts into the root that it makes: those mounts, and its processes, go with a test run that is killed."""
ROOT_ARGV = (
    "mmdebstrap", "--quiet", "--mode=root", "--variant=apt", "--components=main", *SLIM, '--aptopt=Acquire::Languages "none"',
    "--dpkgopt=force-unsafe-io",  # a root that is thrown away when it was not made whole need not be synced file by file
    "--dpkgopt=path-exclude=/usr/lib/python3/dist-packages/*/tests/*",
    "--dpkgopt=path-exclude=/usr/bin/py3compile",  # one process for each of 400 packages; all at once is three times as quick
    f"--customize-hook={COMPILE}",
    f"--include={','.join(PACKAGES)}", f"--customize-hook={NOVA_COMPUTE}", SUITE,
)  # fmt: skip


def package_root() -> Path:
    """Debian with the packages of an OpenStack control plane: 755 of them, 1.7 GB, some minutes."""
    with made_once("root", " ".join(ROOT_ARGV)) as (folder, staged):
        if staged is not None:
            fetch([*ALONE, *ROOT_ARGV, str(staged), MIRROR], limit=1800)
    return folder


def has_root() -> bool:
    """Whether the package root is there."""
    return part_folder("root", " ".join(ROOT_ARGV)).is_dir()


def has_provider() -> bool:
    """Whether Terraform's provider was built."""
    return part_folder("provider", PROVIDER_RECIPE).is_dir()


def has_all_parts() -> bool:
    """Whether nothing big is to be made any more."""
    return has_root() and has_provider()


def is_reached(address: str) -> bool:
    """Whether an address gives an answer, by this machine's proxies."""
    try:
        with urllib.request.urlopen(address, timeout=REACHED_SECONDS) as answer:  # noqa: S310 - the addresses above
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


def uses_registry() -> bool:
    """Whether `terraform init` fetches the provider by itself: asked for, or there is no Go to build it with."""
    if os.environ.get("OPENSTACK_LAB_REGISTRY"):
        return True
    return find_go() is None and is_reached(f"https://{find_registry()}/.well-known/terraform.json")


@cache
def find_registry() -> str:
    """The registry from which Terraform would fetch the provider, as Terraform itself names it; a mirror has a folder of that name."""
    argv = [str(programs.find("terraform")), f"-chdir={MODULE}", "providers"]
    environment = os.environ | {"TF_CLI_CONFIG_FILE": os.devnull}
    said = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout
    found = re.search(r"provider\[([^/\]]+)/terraform-provider-openstack/openstack\]", said)
    if found is None:
        raise LabError(f"Terraform does not say where it would fetch the provider from: {said}")
    return found.group(1)


def find_go() -> str | None:
    """The Go program, also where its own installation puts it."""
    return shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")


def go_finds_provider() -> bool:
    """Whether Go is here and gets the provider's module. Raises LabError when it is another text than the one that is pinned."""
    go = find_go()
    if go is None:
        return False
    try:
        told = run([go, "mod", "download", "-json", f"{PROVIDER_MODULE}@v{PROVIDER}"], limit=180)
    except (LabError, subprocess.TimeoutExpired):
        return False
    if json.loads(told)["Sum"] != PROVIDER_SUM:
        raise LabError(f"{PROVIDER_MODULE}@v{PROVIDER} is not the text that this lab was made with: {json.loads(told)['Sum']}")
    return True


def read_recipe(folder: Path, *, without: str = "") -> str:
    """Every file of a folder with its name: what a part is made from. ``without``: a file that has no part in it."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and file.name != without]
    return "\n".join(f"{file.relative_to(folder)}\n{file.read_text()}" for file in files)


def make_ready() -> Path:
    """Package root and provider, beside each other where both are missing: one waits for a mirror while the other computes.
    Returns what ``terraform_rc`` gives."""
    with ThreadPoolExecutor(2) as pool:
        root, configuration = pool.submit(package_root), pool.submit(terraform_rc)
        root.result()
        return configuration.result()


def databases(build: Callable[[Path, Path], None]) -> Path:
    """The schemas, keys and catalogue of a fresh cloud as an overlay's upper folder over the package root; about a minute.
    ``build(root, upper)`` starts what makes them."""
    root = package_root()
    with made_once("databases", f"{root.name}\n{read_recipe(CONTROL, without='wait.py')}") as (folder, staged):
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
            fetch([*ALONE, *argv, SUITE, str(staged / "root"), MIRROR], limit=1200)
            run(["bash", str(GUEST / "disk.sh"), str(staged), str(root)], limit=600)
    return folder / "debian-12.qcow2"


PROVIDER_RECIPE = f"{PROVIDER_MODULE} {PROVIDER} {PROVIDER_SUM}"


def terraform_rc() -> Path:
    """The command line configuration with which Terraform finds the provider: in a mirror, built from its Go module at a pinned
    version and checksum. Without Go, or with ``OPENSTACK_LAB_REGISTRY=1``: none, Terraform fetches it from its registry.
    """
    if not has_provider() and uses_registry():
        return Path(os.devnull)
    name = f"terraform-provider-openstack_v{PROVIDER}"
    place = Path(find_registry()) / "terraform-provider-openstack/openstack" / PROVIDER / "linux_amd64"
    with made_once("provider", PROVIDER_RECIPE) as (folder, staged):
        if staged is not None:
            if not go_finds_provider():
                raise NoLab(f"Go's module {PROVIDER_MODULE} is not reached")
            (staged / place).mkdir(parents=True)
            built = staged / place / "terraform-provider-openstack"
            argv = ["env", f"GOBIN={built.parent}", "CGO_ENABLED=0", str(find_go()), "install", "-trimpath"]
            fetch([*argv, f"{PROVIDER_MODULE}@v{PROVIDER}"], limit=1800)
            built.rename(built.with_name(name))
            (staged / "sha256").write_text(hashlib.sha256(built.with_name(name).read_bytes()).hexdigest() + "\n")
            (staged / "terraform.rc").write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{folder}"\n  }}\n}}\n')
    program = folder / place / name
    if hashlib.sha256(program.read_bytes()).hexdigest() != (folder / "sha256").read_text().strip():
        raise LabError(f"{program} is not what was built: remove {folder}, and it is built again")
    return folder / "terraform.rc"
