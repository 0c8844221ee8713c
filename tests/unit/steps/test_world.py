"""What a run looks at before it begins."""

from pathlib import Path

from orchestrator.inventory.load import load_sites
from orchestrator.settings import Settings
from orchestrator.steps.world import World
from tests.support.demo_city import DEMO, demo_city


def test_every_secret_and_key_that_this_account_cannot_use_is_named_at_once(tmp_path: Path) -> None:
    inventory, _, _ = demo_city()
    system = next(one for one in inventory.systems if one.id == "weather-bulletin")
    there = tmp_path / "weather_app"
    there.write_text("x", "utf-8")
    databases = tuple(d.model_copy(update={"secret": f"file:{there}", "admin_secret": f"file:{tmp_path}/gone"}) for d in system.databases)
    settings = Settings(state=tmp_path / "state", ssh_key=tmp_path / "no-key", inventory=DEMO)
    world = World(settings, system.model_copy(update={"databases": databases}), load_sites(DEMO / "sites.yaml"))
    findings = world.denied()
    assert {f.code for f in findings} == {"no-access"}
    named = " ".join(f.message for f in findings)
    assert f"{tmp_path}/gone" in named
    assert f"{tmp_path}/no-key" in named
    assert str(there) not in named
