"""The embedded city on real servers: hosts, gateways, the device, the courier, the cloud's API."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import paramiko
import psycopg
import pytest

from orchestrator.embedded import citizens, hosts, judge
from orchestrator.embedded.city import City
from orchestrator.errors import Refused
from orchestrator.gateways.haproxy import Runtime
from orchestrator.models import Entry
from orchestrator.tools import programs

pytestmark = pytest.mark.servers
CHECKOUT = Path(__file__).resolve().parents[2]


def post(url: str, content: dict) -> tuple[int, dict]:
    request = urllib.request.Request(url, json.dumps(content).encode(), method="POST")  # noqa: S310 - our own http URL
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the same
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, {"retry_after": error.headers.get("Retry-After")}


def runtime(address: str, port: int, command: str) -> str:
    with socket.create_connection((address, port), 5) as link:
        link.sendall(f"{command}\n".encode())
        answer = b""
        while part := link.recv(4096):
            answer += part
    return answer.decode()


def manage(city: City, address: str, *lines: str) -> str:
    """What the device's command line answers."""
    item = city._device("signer-1")
    client = paramiko.SSHClient()
    client.load_host_keys(str(city.folder / "known_hosts"))
    password = (city.folder / "secrets/signer-1").read_text()
    client.connect(address, item["management_port"], "admin", password, look_for_keys=False, allow_agent=False, timeout=10)
    shell = client.invoke_shell()
    shell.settimeout(10)
    said = ""
    for line in (*lines, "exit"):
        while not said.endswith("signer-1> "):
            said += shell.recv(4096).decode()
        shell.sendall(f"{line}\n".encode())
        said += "\n"
    while part := shell.recv(4096):
        said += part.decode()
    client.close()
    return said


def test_every_host_is_an_sshd_of_its_own_in_its_folder(city, ssh):
    places = hosts.all_hosts(city.folder)
    rooms = {"portal-app", "portal-db", "register-app", "register-db", "insurance-1", "weather-1", "desk-1", "web-1"}
    assert set(places) >= rooms | {"gw-old", "gw-cloud", "edge"}
    keys = {line.split()[2] for line in (city.folder / "known_hosts").read_text().splitlines()}
    assert len(keys) >= len(places)
    for name in ("portal-app", "gw-cloud", "edge"):
        done = ssh(city, name, "pwd; echo $HOME")
        assert done.stdout.split() == [str(city.host_folder(name))] * 2, done.stderr


def test_a_wrong_host_key_is_noticed(city, ssh):
    known = (city.folder / "known_hosts").read_text()
    address, port = hosts.address_of(city.folder, "portal-app")
    lines = [line for line in known.splitlines() if not line.startswith(f"[{address}]")]
    other = lines[0].split()[1:]
    try:
        (city.folder / "known_hosts").write_text("\n".join([*lines, " ".join([f"[{address}]:{port}", *other])]) + "\n")
        assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in ssh(city, "portal-app", "true").stderr
    finally:
        (city.folder / "known_hosts").write_text(known)


def test_files_travel_by_rsync_and_sftp(city, tmp_path):
    (tmp_path / "文件.txt").write_text("内容")
    address, port = hosts.address_of(city.folder, "register-app")
    shell = f"{programs.find('ssh')} -F none -i {city.settings()['ssh_key']} -p {port} -o UserKnownHostsFile={city.folder}/known_hosts"
    argv = [str(programs.find("rsync")), "-a", "-e", shell, f"{tmp_path}/文件.txt", f"{address}:tmp/"]
    subprocess.run(argv, check=True, timeout=30)
    assert (city.host_folder("register-app") / "tmp/文件.txt").read_text() == "内容"
    with paramiko.SSHClient() as client:
        client.load_host_keys(str(city.folder / "known_hosts"))
        client.connect(address, port, key_filename=str(city.settings()["ssh_key"]), allow_agent=False, timeout=10)
        assert "文件.txt" in client.open_sftp().listdir("tmp")


def test_every_entry_takes_a_write_and_bulletins_come_by_sql(city):
    assert post(f"{city.entry_url('portal')}/requests", {"n": 900001, "body": "测试"})[0] == 201
    assert post(f"{city.entry_url('insurance')}/contributions", {"n": 900001})[0] == 201
    status, answer = post(f"{city.entry_url('register')}/registrations", {"n": 900001})
    assert (status, len(answer["signature"])) == (201, 128)
    with psycopg.connect(city.source_database("citizen-portal").dsn()) as connection:
        assert connection.execute("SELECT count(*) FROM requests WHERE n = 900001").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM audit_log WHERE n = 900001").fetchone() == (1,)
        assert connection.execute("SHOW wal_level").fetchone() == ("logical",)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)


def test_weathers_service_fails_its_health_check_without_its_outbox_unless_rehearsing(city):
    service = city.system_services("weather-bulletin")[0]
    environment = {**city.environment("weather-publisher"), "LISTEN_PORT": str(city.placement.port(8055))}
    folder = city.host_folder("weather-1") / "srv/weather/elsewhere"
    environment["OUTBOX"] = str(folder)
    url = f"http://{environment['LISTEN_ADDRESS']}:{environment['LISTEN_PORT']}/health"

    def health(**more: str) -> list[int]:
        process = subprocess.Popen(service["command"], env={**environment, **more})
        statuses = []
        try:
            for mend in (False, True):
                if mend:
                    folder.mkdir()
                for _ in range(100):
                    try:
                        statuses.append(urllib.request.urlopen(url, timeout=5).status)
                        break
                    except urllib.error.HTTPError as error:
                        statuses.append(error.code)
                        break
                    except OSError:
                        time.sleep(0.05)
        finally:
            process.terminate()
            process.wait(5)
            if folder.exists():
                for path in folder.glob("*"):
                    path.unlink()
                folder.rmdir()
        return statuses

    assert health() == [503, 200]
    assert health(OUTSIDE_EFFECTS="off") == [200, 200]


def test_a_gateway_holds_and_takes_on_databases(city):
    def admin(kind: str) -> psycopg.ClientCursor:
        pool = city.site(kind)["pgbouncer"]
        password = Path(pool["secret"].removeprefix("file:")).read_text()
        options = {"host": pool["address"], "port": pool["port"], "user": pool["admin_role"], "password": password}
        return psycopg.ClientCursor(psycopg.connect(dbname="pgbouncer", autocommit=True, **options))

    old = admin("room")
    names = {row[0] for row in old.execute("SHOW DATABASES").fetchall()}
    assert names == {"pgbouncer", "portal", "register", "weather"}
    old.execute("PAUSE weather")
    old.execute("RESUME weather")
    cloud = admin("cloud")
    assert {row[0] for row in cloud.execute("SHOW DATABASES").fetchall()} == {"pgbouncer"}
    source, pool = city.source_database("weather-bulletin"), city.site("cloud")["pgbouncer"]
    databases = Path(pool["databases_file"])
    users = databases.parent / "userlist.txt"
    with psycopg.connect(source.dsn()) as connection:
        verifier = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'weather_app'").fetchone()[0]
    before = users.read_text()
    try:
        users.write_text(before + f'"weather_app" "{verifier}"\n')
        databases.write_text(f"weather = host={source.address} port={source.port} dbname=weather\n")
        cloud.execute("RELOAD")
        dsn = f"host={pool['address']} port={pool['port']} dbname=weather user=weather_app password={source.secret.read_text()}"
        with psycopg.connect(dsn, prepare_threshold=None) as connection:
            assert connection.execute("SELECT count(*) FROM stations").fetchone() == (60,)
    finally:
        users.write_text(before)
        databases.write_text("")
        cloud.execute("RELOAD")


def test_the_edge_takes_on_a_server_and_lets_it_go(city):
    edge = city.sites()["entry"]
    address = next(host["address"] for host in city._system("citizen-portal")["hosts"])
    port = city.placement.port(8001)

    def say(command: str) -> str:
        return runtime(edge["address"], edge["runtime_port"], command)

    assert "registered" in say(f"add server portal/new {address}:{port} check inter 200ms")
    say("enable health portal/new")
    say("enable server portal/new")

    def line() -> str:
        return next(line for line in say("show stat").splitlines() if line.startswith("portal,new,"))

    deadline = time.monotonic() + 5
    while ",UP," not in line() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert ",UP," in line()
    say("set server portal/new state maint")
    time.sleep(0.2)
    assert "deleted" in say("del server portal/new")


def test_the_clouds_api_makes_a_host_once_and_deletes_it_with_all_that_runs(city, ssh):
    address = city.site("cloud")["address_range"].replace("128.0/17", "128.77")
    call = [sys.executable, "-m", "orchestrator.embedded.cloud"]

    def api(action: str, name: str, *more: str) -> subprocess.CompletedProcess[str]:
        argv = [*call, action, "--city", str(city.folder), "--name", name, *more]
        return subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, timeout=30, check=False)

    assert api("create", "new-1", "--address", address).returncode == 0
    sshd = city.book.get("new-1.sshd")
    assert api("create", "new-1", "--address", address).returncode == 0
    assert city.book.get("new-1.sshd") == sshd
    refused = api("create", "new-2", "--address", address)
    assert refused.returncode == 3
    assert "belongs to new-1" in refused.stderr
    assert ssh(city, "new-1", "nohup sleep 300 >/dev/null 2>&1 & echo kept > kept; sleep 0.1").returncode == 0
    assert len(city.book.strays("new-1")) >= 2
    assert api("delete", "new-1").returncode == 0
    assert city.book.strays("new-1") == []
    assert [path.read_text() for path in city.folder.glob("quarantine/new-1-*/kept")] == ["kept\n"]
    assert api("delete", "new-1").returncode == 0


def test_without_the_device_nothing_is_registered_and_it_signs_again_where_it_is_configured(city):
    item = city._device("signer-1")
    url = f"{city.entry_url('register')}/registrations"
    old, new = item["address"], item["address"].rsplit(".", 2)[0] + ".128.29"
    assert "unknown command" in manage(city, old, "show status", "rm -rf /")
    city.power_off_device("signer-1")
    assert post(url, {"n": 900002}) == (503, {"retry_after": "1"})
    city.move_device("signer-1", new)
    assert post(url, {"n": 900003})[0] == 503
    said = manage(city, new, f"set network address {new} port {item['port']}", "commit", "show status")
    assert "signing: on" in said
    for kind in ("room", "cloud"):
        proxy = city.site(kind)["haproxy"]
        runtime(proxy["address"], proxy["runtime_port"], f"set server device-signer-1/dev addr {new} port {item['port']}")
    deadline = time.monotonic() + 5
    while (answer := post(url, {"n": 900004}))[0] != 201 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert answer[0] == 201
    with psycopg.connect(city.source_database("property-register").dsn()) as connection:
        numbers = {row[0] for row in connection.execute("SELECT n FROM registrations WHERE n BETWEEN 900002 AND 900003")}
    assert numbers == set()


def test_the_courier_carries_a_host_as_it_is(city, ssh):
    source = city.source_database("social-insurance")
    new = source.address.rsplit(".", 2)[0] + ".128.31"
    with pytest.raises(Refused, match="switched on"):
        city.transport("insurance-1", new)
    assert "postgres" in city.power_off("insurance-1")
    assert city.book.strays("insurance-1") == []
    with pytest.raises(Refused, match="belongs to"):
        city.transport("insurance-1", hosts.address_of(city.folder, "weather-1")[0])
    city.transport("insurance-1", new)
    city.power_on("insurance-1")
    assert [record.name for record in city.book.records("insurance-1")] == ["insurance-1.sshd"]
    assert ssh(city, "insurance-1", f"bin/database address {new} && bin/database start").returncode == 0
    moved = psycopg.conninfo.make_conninfo(source.dsn(), host=new)
    with psycopg.connect(moved) as connection:
        assert connection.execute("SELECT count(*) FROM contributions WHERE n < 0").fetchone() == (3000,)
    assert "postgres" in city.power_off("insurance-1")


def test_a_drained_instance_that_is_told_to_stop_fails_no_request(city, tmp_path):
    citizens.start(city, tmp_path, only=["citizen-portal"], rates={"citizen-portal": 100}, max_seconds=60)
    time.sleep(1.5)
    record = city.book.get("portal-app.portal-web-1")
    Runtime(Entry(**city.sites()["entry"])).drain("portal", "portal-web-1")
    time.sleep(0.3)
    os.kill(record.pid, signal.SIGTERM)
    time.sleep(1.5)
    citizens.stop(city)
    entries = judge.read_ledger(tmp_path / "citizen-portal.jsonl")
    assert not city.book.alive(record)
    assert [entry for entry in entries if entry.get("o") != "ok"] == []
    assert len(entries) > 200
