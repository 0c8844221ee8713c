"""The judge on a real city: a clean run has no fault, and every planted fault is found by its name."""

import dataclasses
import shutil
import subprocess
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from orchestrator.embedded import citizens, judge, mariadb, sabotage
from orchestrator.embedded.city import City
from orchestrator.embedded.databases import Source
from orchestrator.tools import programs

pytestmark = pytest.mark.servers
PORTAL, REGISTER, DESK, SITE = "citizen-portal", "property-register", "library-desk", "culture-website"


@dataclasses.dataclass
class World:
    """A city that was under load for some seconds, and the case of each system as it was then."""

    city: City
    cases: dict[str, judge.Case]
    load_cpu: float

    def uploads(self) -> Path:
        return Path(self.cases[PORTAL].live_files or "")


@pytest.fixture(scope="module")
def world(city, tmp_path_factory) -> World:
    out = tmp_path_factory.mktemp("load")
    baselines = citizens.baselines(city)
    record = citizens.start(city, out, max_seconds=60)
    time.sleep(1)
    process = psutil.Process(record.pid)
    before, started = sum(process.cpu_times()[:2]), time.monotonic()
    time.sleep(5)
    load_cpu = (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - started)
    citizens.hold(out, ["weather-bulletin"], wait=5)
    time.sleep(0.5)
    citizens.hold(out, [], wait=5)
    citizens.stop(city)
    cases = {}
    for system, kind in citizens.KINDS.items():
        source = city.source_database(system) if kind in citizens.TABLES else None
        cases[system] = judge.Case(
            system=system,
            ledger=str(out / f"{system}.jsonl"),
            table=citizens.TABLES.get(kind, ""),
            text=citizens.TEXTS.get(kind),
            live=source.dsn() if source else None,
            other=(copy_mariadb if source.engine == "mariadb" else copy_postgresql)(source) if source else None,
            baseline=baselines[system],
            mutable=["people"],
        )
    for system in citizens.FILES:
        files, copy = citizens.files_of(city, system), tmp_path_factory.mktemp("other") / "files"
        shutil.copytree(files, copy)
        cases[system].live_files, cases[system].other_files = str(files), str(copy)
    cases[REGISTER].public_key = city.device_public_key()
    return World(city, cases, load_cpu)


def copy_postgresql(source: Source) -> str:
    """The same database beside it, as the other side; its DSN."""
    with psycopg.connect(source.dsn(), dbname="postgres", autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {source.name} ALLOW_CONNECTIONS off")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (source.name,))
        admin.execute(f"CREATE DATABASE other TEMPLATE {source.name}")
        admin.execute(f"ALTER DATABASE {source.name} ALLOW_CONNECTIONS on")
    return psycopg.conninfo.make_conninfo(source.dsn(), dbname="other")


def copy_mariadb(source: Source, into: str = "other", *, of: str = "") -> str:
    """The same for MariaDB; what stood in ``into`` before is gone."""
    login = [f"--host={source.address}", f"--port={source.port}", f"--user={source.admin_role}", f"--password={source.admin_secret.read_text()}"]
    dump = subprocess.run(
        [programs.find("mariadb-dump"), *login, "--single-transaction", of or source.name], capture_output=True, check=True, timeout=60
    )
    with mariadb.connect(source) as admin, admin.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {into}")
        cursor.execute(f"CREATE DATABASE {into}")
    subprocess.run([programs.find("mariadb"), *login, into], input=dump.stdout, check=True, timeout=60)
    return dataclasses.replace(source, name=into).dsn()


def test_a_clean_run_has_no_fault_and_real_figures(world):
    rates = {}
    for system, case in world.cases.items():
        verdict = judge.judge(case)
        assert verdict.faults == [], verdict.details
        assert (verdict.lost, verdict.duplicated, verdict.failed, verdict.in_doubt, verdict.unknown_rows) == (0, 0, 0, 0, 0)
        if case.live is not None:
            assert verdict.equal is True
            assert verdict.rows > 3000
        assert verdict.longest_gap_ms < 1000
        rates[system] = verdict.acknowledged / 6.5
    assert sum(rates.values()) > 90
    assert world.load_cpu < 0.35
    for system in citizens.FILES:
        verdict = judge.judge(world.cases[system])
        assert verdict.files_equal is True
        assert verdict.files > 200


@pytest.mark.parametrize(
    ("fault", "statements"),
    [
        ("lost-write", ["DELETE FROM loan WHERE n > 0 ORDER BY n DESC LIMIT 1"]),
        ("duplicate", ["INSERT INTO loan (n, reader, title) SELECT n, reader, title FROM loan WHERE n > 0 ORDER BY n LIMIT 1"]),
        ("content", ["UPDATE loan SET title = '别的书' WHERE n > 0 ORDER BY n LIMIT 1"]),
        ("row", ["UPDATE reader SET name = CONCAT(name, ' ') ORDER BY id LIMIT 1"]),
        ("schema", ["ALTER TABLE loan DROP KEY loan_n"]),
        ("second-writer", ["INSERT INTO other.loan (n, reader, title) VALUES (0, 1, '旧系统里的新借书')"]),
    ],
)
def test_each_fault_in_mariadb_is_found_by_its_name_and_mended_it_is_gone(world, fault, statements):
    source = world.city.source_database(DESK)
    case = dataclasses.replace(world.cases[DESK], mode="subset", other=world.cases[DESK].other if fault == "second-writer" else None)
    with mariadb.connect(source) as admin, admin.cursor() as cursor:
        cursor.execute(f"USE {source.name}")
        for statement in statements:
            cursor.execute(statement)
    verdict = judge.judge(case)
    if fault == "second-writer":
        copy_mariadb(source)
    else:
        copy_mariadb(source, source.name, of="other")
    assert verdict.faults == [fault], verdict.details
    assert judge.judge(case).faults == []


@pytest.mark.parametrize("fault", ["lost-write", "file"])
def test_a_letter_that_is_gone_or_changed_is_found(world, fault):
    case = dataclasses.replace(world.cases[SITE], mode="subset", other_files=None)
    letter = next(Path(case.live_files) / entry["file"] for entry in judge.read_ledger(Path(case.ledger)) if "file" in entry)
    before = letter.read_bytes()
    if fault == "file":
        letter.write_bytes(before + b" ")
    else:
        letter.unlink()
    verdict = judge.judge(case)
    letter.write_bytes(before)
    assert fault in verdict.faults, verdict.details
    assert judge.judge(case).faults == []


@pytest.mark.parametrize("fault", ["lost-write", "content", "row", "schema", "sequence", "second-writer", "file", "unsigned"])
def test_each_planted_fault_is_found_by_its_name_and_mended_it_is_gone(world, fault):
    case = world.cases[REGISTER if fault == "unsigned" else PORTAL]
    # As after final acceptance: nothing replicates, only the ledger, the baseline and the other side's own rows speak.
    case = dataclasses.replace(case, mode="subset", other=case.other if fault == "second-writer" else None)
    sabotage.plant(fault, live=case.live, other=case.other, table=case.table, files=world.uploads())
    verdict = judge.judge(case)
    restore(world, fault, case)
    assert verdict.faults == [fault], verdict.details
    assert judge.judge(case).faults == []


def restore(world: World, fault: str, case: judge.Case) -> None:
    """Bring back what a fault destroyed, from the other side's copy."""
    if fault == "file":
        shutil.rmtree(world.uploads())
        shutil.copytree(case.other_files, world.uploads())
        return
    other = world.cases[case.system].other
    with psycopg.connect(other) as good, psycopg.connect(case.live) as live:
        if fault == "sequence":
            live.execute("SELECT setval('receipt_no', (SELECT max(receipt) FROM requests))")
        elif fault == "schema":
            live.execute("ALTER TABLE offices ADD CONSTRAINT offices_name_key UNIQUE (name)")
        elif fault == "second-writer":
            good.execute("DELETE FROM requests WHERE n = 0")
        else:
            for table in ("requests",) if case.system == PORTAL else ("registrations",):
                live.execute(f"TRUNCATE {table}")
                with good.cursor().copy(f"COPY {table} TO STDOUT") as data, live.cursor().copy(f"COPY {table} FROM STDIN") as sink:
                    for part in data:
                        sink.write(part)


def test_both_sides_compared_find_a_row_that_only_one_has(world):
    case = world.cases[REGISTER]
    with psycopg.connect(case.other) as other:
        gone = other.execute("DELETE FROM parcels WHERE code = (SELECT min(code) FROM parcels) RETURNING *").fetchone()
    verdict = judge.judge(case)
    assert verdict.equal is False
    assert verdict.faults == ["row"], verdict.details
    with psycopg.connect(case.other) as other:
        other.execute("INSERT INTO parcels VALUES (%s, %s, %s, %s)", (*gone[:3], psycopg.types.json.Json(gone[3])))
    assert judge.judge(case).equal is True


def test_open_transactions_make_a_cutover_slow_and_lose_nothing(world, tmp_path):
    city, system = world.city, "weather-bulletin"
    pool = city.site("room")["pgbouncer"]
    password = Path(pool["secret"].removeprefix("file:")).read_text()
    console = {"host": pool["address"], "port": pool["port"], "dbname": "pgbouncer", "user": pool["admin_role"], "password": password}
    admin = psycopg.ClientCursor(psycopg.connect(**console, autocommit=True))
    citizens.start(city, tmp_path, only=[system], max_seconds=60)

    def hold() -> dict[str, float]:
        start = time.time()
        admin.execute("PAUSE weather")
        admin.execute("RESUME weather")
        return {"start": start, "end": time.time()}

    time.sleep(1.5)
    quick = hold()
    time.sleep(2)
    with sabotage.Slow(citizens.pooled_dsn(city, system)):
        time.sleep(1.5)
        slow = hold()
        time.sleep(1.2)
    citizens.stop(city)
    # Writes of the first load are in the table and not on this ledger: fine, they are only unknown.
    base = dataclasses.replace(world.cases[system], ledger=str(tmp_path / f"{system}.jsonl"), other=None, limit_ms=250, baseline=None)
    entries = judge.read_ledger(Path(base.ledger))
    assert judge.cut_of(entries, quick).longest_gap_ms <= 250
    verdict = judge.judge(dataclasses.replace(base, cutovers=[slow]))
    assert "slow" in verdict.faults
    assert 250 < verdict.cutovers[0].longest_gap_ms < 1500
    assert (verdict.failed, verdict.lost) == (0, 0)
