"""One OpenStack on this machine: brought up in namespaces of its own, and taken away without a trace."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from openstack.exceptions import NotFoundException

from orchestrator.tools.openstack_api import ask_once_more
from tests.lab.shell import LabError, run
from tests.openstack import parts
from tests.openstack.accelerator import find_accelerator
from tests.openstack.traces import MARK, find_traces, folder_of, sweep

API, CALLER, GATEWAY = "10.70.0.1", "10.70.0.2", "10.50.0.1"
DRIVERS = {"fake": "fake.FakeDriver", "guests": "libvirt.LibvirtDriver"}
"""The fake compute driver makes servers that never boot; the API, its faults and everything around it are real."""
BEHIND = 18774
"""Where the compute API listens while something stands before it."""
CLONE_NEWNET = 0x40000000


class LabCloud:
    """``name`` tells several apart; all have the same addresses, each in its own namespaces."""

    def __init__(self, name: str, driver: str = "fake") -> None:
        self.name, self.folder, self.driver = name, folder_of(name), driver
        self.inside, self.outside = f"osc-{name}", f"osc-{name}-out"
        self.process: subprocess.Popen[bytes] | None = None
        self.key = self.folder / "key"
        self.accelerator = "qemu"

    # ------------------------------------------------------------ up and down

    def up(self) -> None:
        """Until all workers have reported in. Parts that are missing are made first (minutes, once)."""
        sweep()
        self.folder.mkdir(parents=True, exist_ok=True)
        root, databases = parts.package_root(), parts.databases(self._build_databases)
        if self.driver == "guests":
            self.accelerator = find_accelerator(root, parts.guest_image())
        self._networks()
        upper = self.folder / "upper"
        self._install(upper)
        self.process = self._enter(f"{databases}:{root}", upper, "run", self.folder / "init.log")
        (self.folder / "pid").write_text(str(self.process.pid))
        self._wait_for("all started", 300)
        self.execute("python3", "/lab/wait.py", limit=240)
        self._seed()

    def down(self) -> None:
        """Processes die with their namespace's first, mounts with theirs; nothing stays but the parts."""
        if self.process is not None:
            self.process.kill()  # --kill-child takes the first process along
            self.process.wait(30)
        for namespace in (self.inside, self.outside):
            subprocess.run(["ip", "netns", "delete", namespace], capture_output=True, check=False)
        deadline = time.monotonic() + 30
        while left := find_traces(self.name):
            shutil.rmtree(self.folder, ignore_errors=True)
            if time.monotonic() > deadline:
                raise LabError(f"left on this machine: {'; '.join(left)}")
            time.sleep(0.1)

    def _networks(self) -> None:
        """The API on one wire, the city's network on another; the caller is the gateway of the second."""
        for namespace in (self.inside, self.outside):
            run(["ip", "netns", "add", namespace])
            run(["ip", "-n", namespace, "link", "set", "lo", "up"])
        for one, other, address_one, address_other in (("api0", "api1", API, CALLER), ("prov0", "prov1", "", GATEWAY)):
            run(["ip", "link", "add", one, "netns", self.inside, "type", "veth", "peer", "name", other, "netns", self.outside])
            for namespace, device, address in ((self.inside, one, address_one), (self.outside, other, address_other)):
                if address:
                    run(["ip", "-n", namespace, "addr", "add", f"{address}/24", "dev", device])
                run(["ip", "-n", namespace, "link", "set", device, "up"])

    def _enter(self, lower: str, upper: Path, deed: str, log: Path, namespace: str | None = None) -> subprocess.Popen[bytes]:
        """init.sh as the first process of fresh namespaces, in the overlay of ``upper`` over ``lower``."""
        work, root = upper.with_name(f"{upper.name}-work"), upper.with_name(f"{upper.name}-root")
        work.mkdir(exist_ok=True)
        root.mkdir(exist_ok=True)
        script = (
            'mount --make-rprivate /; mount -t overlay lab -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4"; mount -t proc proc "$4/proc"; '
            'mount -t sysfs sysfs "$4/sys"; exec chroot "$4" /lab/init.sh "$5"'
        )
        with log.open("wb") as output:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", namespace or self.inside, "unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--kill-child=KILL",
                 "bash", "-ec", script, "lab", lower, str(upper), str(work), str(root), deed],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, env={**os.environ, MARK: self.name},
            )  # fmt: skip

    def _build_databases(self, root: Path, upper: Path) -> None:
        namespace = f"osc-{self.name}-make"
        run(["ip", "netns", "add", namespace])
        try:
            run(["ip", "-n", namespace, "link", "set", "lo", "up"])
            run(["ip", "-n", namespace, "addr", "add", f"{API}/32", "dev", "lo"])
            self._install(upper)
            log = self.folder / "build.log"
            process = self._enter(str(root), upper, "build", log, namespace)
            process.wait(600)
            if "built" not in log.read_text(errors="replace"):
                raise LabError(f"the databases could not be made: {log.read_text(errors='replace')[-2000:]}")
        finally:
            subprocess.run(["ip", "netns", "delete", namespace], capture_output=True, check=False)
            for rest in ("work", "root"):
                shutil.rmtree(upper.with_name(f"{upper.name}-{rest}"), ignore_errors=True)

    def _install(self, upper: Path) -> None:
        """Our own files into the overlay, before it is mounted: written into it later they would not be seen."""
        place = upper / "lab"
        place.mkdir(parents=True, exist_ok=True)
        for name in ("init.sh", "catalog.py", "wait.py"):
            shutil.copy(parts.CONTROL / name, place / name)
        (place / "init.sh").chmod(0o755)
        source = parts.CONTROL / "etc"
        parts_of = {name: (source / name).read_text() for name in ("common.inc", "auth.inc")}
        for service in ("keystone", "placement", "glance", "nova", "neutron", "cinder"):
            text = (source / f"{service}.conf").read_text().replace("@DRIVER@", DRIVERS[self.driver]).replace("@ACCELERATOR@", self.accelerator)
            for name, included in parts_of.items():
                text = text.replace(f"#include {name}\n", included)
            target = upper / "etc" / service
            target.mkdir(parents=True, exist_ok=True)
            (target / ("glance-api.conf" if service == "glance" else f"{service}.conf")).write_text(text)
        for name in ("ml2.ini", "agents.ini"):
            shutil.copy(source / name, upper / "etc" / "neutron" / name)
        (upper / "etc" / "cinder" / "shares").write_text("127.0.0.1:/srv/volumes\n")

    def _wait_for(self, sign: str, seconds: float) -> None:
        log, deadline = self.folder / "init.log", time.monotonic() + seconds
        while sign not in log.read_text(errors="replace"):
            if self.process is None or self.process.poll() is not None or time.monotonic() > deadline:
                raise LabError(f"the cloud did not come up: {log.read_text(errors='replace')[-1500:]}")
            time.sleep(0.1)

    # ------------------------------------------------------------ hands

    def first_pid(self) -> int:
        starter = (self.folder / "pid").read_text()
        return int(Path(f"/proc/{starter}/task/{starter}/children").read_text().split()[0])

    def execute(self, *argv: str, limit: float = 120) -> str:
        """As root in the control plane."""
        enter = ["nsenter", "-t", str(self.first_pid()), "-m", "-p", "-n", "-u", "-i", "-r", "-w"]
        clean = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "PYTHONWARNINGS=ignore"]
        return run([*enter, *clean, *argv], limit=limit)

    def signal_service(self, name: str, number: int) -> None:
        """A signal to a service and its children: SIGSTOP for one that hangs, SIGCONT to let it go on."""
        self.execute("bash", "-c", f'kill -{number} -- -"$(cat /lab/pid/{name})"')

    def has_row(self, statement: str) -> bool:
        """Whether the control plane has written something down: asked of its database, since its API may be what is down."""
        return bool(self.execute("mariadb", "-uroot", "-Ne", statement).strip())

    def restart_compute_api(self) -> None:
        """As init.sh starts it; until it answers."""
        self._start_service(f"wsgi nova-api 8774 /usr/bin/nova-api-wsgi 2; wait_port {API} 8774")
        self.execute("python3", "/lab/wait.py", limit=240)

    def _stop_service(self, name: str, port: int) -> None:
        """Killed, and its port free again: on a busy machine the killed take their time."""
        self.signal_service(name, signal.SIGKILL)
        self.execute("bash", "-c", f"while (exec 3<> /dev/tcp/{API}/{port}) 2> /dev/null; do sleep 0.2; done; sleep 0.5")

    def _start_service(self, deed: str) -> None:
        """In the words of init.sh's own functions."""
        parts_of_script = "sed -n '/^start()/,/^}/p;/^wait_port()/,/^}/p;/^wsgi()/,/^}/p' /lab/init.sh"
        self.execute("bash", "-c", f"source <({parts_of_script}); {deed}")

    @contextlib.contextmanager
    def crowded_compute(self) -> Iterator[Callable[[int, float, int], None]]:
        """The compute API behind something that turns requests away when it is told to: a status, for so many seconds, to every so
        manieth request."""
        orders = "/lab/crowded"

        def turn_away(status: int, seconds: float, every: int = 1) -> None:
            self.execute("sh", "-c", f"echo {status} {time.time() + seconds} {every} > {orders}.new && mv {orders}.new {orders}")

        turn_away(503, 0)
        self._stop_service("nova-api", 8774)
        program = shlex.quote((Path(__file__).parent / "crowded.py").read_text())
        self._start_service(
            f"wsgi nova-api {BEHIND} /usr/bin/nova-api-wsgi 2; wait_port {API} {BEHIND}; "
            f"start crowded python3 -c {program} {API} 8774 {BEHIND} {orders}; wait_port {API} 8774"
        )
        self.execute("python3", "/lab/wait.py", limit=240)  # an open port does not mean that it answers
        try:
            yield turn_away
        finally:
            self._stop_service("crowded", 8774)
            self._stop_service("nova-api", BEHIND)
            self.restart_compute_api()

    @contextlib.contextmanager
    def short_tokens(self, seconds: int) -> Iterator[None]:
        """Tokens that are given now are good for so many seconds."""
        try:
            self._restart_keystone(seconds)
            yield
        finally:
            self._restart_keystone(86400)

    def _restart_keystone(self, seconds: int) -> None:
        self._stop_service("keystone", 5000)
        self.execute("sed", "-i", f"s/^expiration = .*/expiration = {seconds}/", "/etc/keystone/keystone.conf")
        self._start_service(f"wsgi keystone 5000 /usr/bin/keystone-wsgi-public 3; wait_port {API} 5000")
        self.execute("python3", "/lab/wait.py", limit=240)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """This thread, and what it starts, in the caller's network: it sees the API and the city's network, and nothing else."""
        libc = ctypes.CDLL(None, use_errno=True)
        with Path("/proc/self/ns/net").open("rb") as home, Path(f"/run/netns/{self.outside}").open("rb") as there:
            if libc.setns(there.fileno(), CLONE_NEWNET) != 0:
                raise LabError(f"cannot enter {self.outside}: {os.strerror(ctypes.get_errno())}")
            try:
                yield
            finally:
                libc.setns(home.fileno(), CLONE_NEWNET)

    def environment(self, account: str = "migrator", project: str = "city") -> dict[str, str]:
        """Credentials as a person would export them."""
        return {
            "OS_AUTH_URL": f"http://{API}:5000/v3", "OS_USERNAME": account, "OS_PASSWORD": account, "OS_PROJECT_NAME": project,
            "OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default", "OS_REGION_NAME": "RegionOne",
            "OS_IDENTITY_API_VERSION": "3",
        }  # fmt: skip

    def connect(self, account: str = "migrator", project: str = "city") -> Any:
        """An SDK connection; to be used inside ``entered``."""
        import openstack

        connection = openstack.connect(
            auth_url=f"http://{API}:5000/v3", username=account, password=account, project_name=project, user_domain_name="Default",
            project_domain_name="Default", region_name="RegionOne", compute_default_microversion="2.79", load_yaml_config=False,
            load_envvars=False,
        )  # fmt: skip
        ask_once_more(connection.session.session)
        return connection

    def _seed(self) -> None:
        """What a cloud's administrator sets up: sizes, an image, the networks of two zones, a key pair."""
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(self.key)])
        if self.driver == "guests":
            image, minimum = parts.guest_image(), 2
        else:
            image, minimum = self.folder / "tiny.img", 1
            image.write_bytes(bytes(1_048_576))
        with self.entered():
            admin, city = self.connect("admin", "admin"), self.connect()
            for name, vcpus, ram, disk in (("s1", 1, 512, 3), ("d1", 1, 1024, 4), ("s2", 2, 1024, 5), ("m2", 2, 4096, 10)):
                admin.compute.create_flavor(name=name, vcpus=vcpus, ram=ram, disk=disk)
            admin.create_image(
                "debian-12", filename=str(image), disk_format="qcow2" if self.driver == "guests" else "raw", container_format="bare",
                visibility="public", wait=True, min_disk=minimum, hw_rng_model="virtio",
            )  # fmt: skip
            extranet = admin.network.create_network(
                name="government-extranet", is_shared=True, provider_network_type="flat", provider_physical_network="provider"
            )
            admin.network.create_subnet(
                name="government-extranet-v4", network_id=extranet.id, ip_version=4, cidr="10.50.0.0/24", gateway_ip=GATEWAY,
                allocation_pools=[{"start": "10.50.0.100", "end": "10.50.0.200"}],
            )  # fmt: skip
            dedicated = city.network.create_network(name="dedicated")
            city.network.create_subnet(network_id=dedicated.id, ip_version=4, cidr="192.168.77.0/24")
            city.network.create_network(name="internet")  # a network without a subnet, as somebody forgot
            city.compute.create_keypair(name="orchestrator", public_key=self.key.with_suffix(".pub").read_text().strip())
            for name, limit in (("security_groups", 100), ("security_group_rules", 1000), ("ports", 500)):
                admin.network.update_quota(city.current_project_id, **{name: limit})
            admin.compute.put(
                f"/os-quota-sets/{city.current_project_id}",
                json={"quota_set": {"instances": 100, "cores": 200, "ram": 200_000, "server_groups": 100}},
            )
            admin.block_storage.put(
                f"/os-quota-sets/{city.current_project_id}", json={"quota_set": {"volumes": 200, "gigabytes": 2000, "snapshots": 20}}
            )

    def clean(self) -> None:
        """Everything that the project holds is taken away, between tests."""
        city = self.connect()
        for server in city.compute.servers():
            with contextlib.suppress(NotFoundException):  # it was on its way already
                city.compute.unlock_server(server)
                city.compute.delete_server(server)
        deadline = time.monotonic() + 60
        while list(city.compute.servers()) and time.monotonic() < deadline:
            time.sleep(0.3)
        for port in city.network.ports(project_id=city.current_project_id):
            if not (port.device_owner or "").startswith("network:"):
                city.network.delete_port(port)
        for group in city.network.security_groups(project_id=city.current_project_id):
            if group.name != "default":
                city.network.delete_security_group(group)
        for group in city.compute.server_groups():
            city.compute.delete_server_group(group)
        for volume in city.block_storage.volumes():
            city.block_storage.delete_volume(volume)
        deadline = time.monotonic() + 60
        while list(city.block_storage.volumes()) and time.monotonic() < deadline:
            time.sleep(0.3)


def main() -> None:
    """``python -m tests.openstack.cloud NAME [fake|guests]``: a cloud to look at by hand, until Ctrl-C or SIGTERM."""
    name, *driver = sys.argv[1:]
    cloud = LabCloud(name, *driver)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        cloud.up()
        print(f"up: ip netns exec {cloud.outside} …, or OPENSTACK_LAB_USE={name} for the tests", flush=True)
        print("\n".join(f"export {key}={value}" for key, value in cloud.environment().items()), flush=True)
        signal.pause()
    except KeyboardInterrupt:
        print("going down", flush=True)
    finally:
        cloud.down()


if __name__ == "__main__":
    main()
