"""A module from outside the checkout, changed under a live system in every way that Terraform knows: real plans, judged by the engine.

Its resources are Terraform's own ``terraform_data``, called servers by its ``module.toml``; no cloud is needed. Case by case:
the module before, the module after, and what is refused of the plan between the two.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.cloud.book import Book
from orchestrator.cloud.listing import NothingToList
from orchestrator.cloud.servers import CloudServers
from orchestrator.cloud.stand import Stand
from orchestrator.errors import NeedsPerson, Refused, ToolError
from orchestrator.tools.terraform import SystemTerraform
from tests.support.cloud_chain import ChainInMemory

pytestmark = pytest.mark.servers
VARIABLES = """
variable "system_id" { type = string }
variable "servers" { type = map(object({ zone = string })) }
"""
OUTPUTS = """
output "servers" {
  value = { for name, server in var.servers : name => { address = "${name}.example", ssh_user = "ops", ssh_port = 22, zone = server.zone } }
}
"""
SERVERS = """
resource "terraform_data" "server" {
  for_each = var.servers
  input    = { zone = each.value.zone }
}
"""
MARKED = '[resources]\n"terraform_data.server" = "server"\n"terraform_data.machine" = "server"\n"terraform_data.note" = "record"\n'


class Outside:
    """A module of somebody else's, and a system on it."""

    def __init__(self, folder: Path, kinds: str = MARKED) -> None:
        self.folder, self.module = folder, folder / "theirs"
        self.module.mkdir()
        if kinds:
            (self.module / "module.toml").write_text(kinds)
        (self.module / "variables.tf").write_text(VARIABLES)
        (self.module / "outputs.tf").write_text(OUTPUTS)
        self.names = ["app", "db"]
        self.chain = ChainInMemory()
        self.write(SERVERS)

    def write(self, text: str) -> None:
        (self.module / "main.tf").write_text(text)

    def open(self) -> CloudServers:
        inputs = {"servers": {name: {"zone": "internet"} for name in self.names}}
        terraform = SystemTerraform(self.module, self.folder / "work", "portal")
        servers = CloudServers("portal", self.module, inputs, terraform, NothingToList(), Book(self.chain, "portal"), lambda _text: None)
        terraform.check = servers.check
        return servers

    def make_and_hand_over(self) -> None:
        self.open().make()
        self.chain.stands = Stand.LIVE

    def known(self) -> list[tuple[str, str]]:
        return [(item.address, item.ident) for item in self.open().terraform.known()]


CHANGED = {
    "from for_each to count": (
        'resource "terraform_data" "server" {\n  count = length(var.servers)\n  input = { zone = "internet" }\n}',
        ["server app would be destroyed", "server db would be destroyed", "server 0 would be made anew", "server 1 would be made anew"],
    ),
    "another name and no moved block": (
        SERVERS.replace('"server"', '"machine"'),
        ["server app would be destroyed", "server db would be destroyed", "server app would be made anew", "server db would be made anew"],
    ),
    "removed, left where it is": (
        "removed {\n  from = terraform_data.server\n  lifecycle {\n    destroy = false\n  }\n}",
        ["server app would be forgotten", "server db would be forgotten"],
    ),
    "removed and destroyed": (
        "removed {\n  from = terraform_data.server\n  lifecycle {\n    destroy = true\n  }\n}",
        ["server app would be destroyed", "server db would be destroyed"],
    ),
    "taken out without a word": ("", ["server app would be destroyed", "server db would be destroyed"]),
    "replaced by what it hangs on": (
        SERVERS.replace("input ", "triggers_replace = [1]\n  input "),
        ["server app would be destroyed and made anew, empty because of triggers_replace", "server db would be destroyed and made anew"],
    ),
    "made before it is destroyed": (
        SERVERS.replace("input ", "triggers_replace = [1]\n  lifecycle {\n    create_before_destroy = true\n  }\n  input "),
        ["server app would be destroyed and made anew", "server db would be destroyed and made anew"],
    ),
    "changed in place": (
        SERVERS.replace("each.value.zone", '"dedicated"'),
        ["server app would be changed while it is in use: input.zone internet → dedicated", "server db would be changed while it is in use"],
    ),
    "fed by what is known only later": (
        SERVERS.replace("each.value.zone", "terraform_data.note.output") + 'resource "terraform_data" "note" {\n  input = "internet"\n}',
        ["server app would be changed while it is in use", "server db would be changed while it is in use"],
    ),
    "moved to one that is asked for already": (
        SERVERS.replace("var.servers", '{ app = { zone = "internet" } }')
        + 'moved {\n  from = terraform_data.server["db"]\n  to   = terraform_data.server["app"]\n}',
        ["server db would be destroyed"],
    ),
    "one more by another resource": (
        SERVERS + 'resource "terraform_data" "machine" {\n  input = 1\n}', ["server machine would be made anew"],
    ),
    "a kind that the module does not say": (
        SERVERS + 'resource "terraform_data" "bucket" {\n  input = 1\n}', ["terraform_data bucket would be made anew"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(CHANGED))
def test_what_a_changed_module_would_do_to_live_servers_is_refused_by_name(tmp_path: Path, case: str) -> None:
    text, said = CHANGED[case]
    outside = Outside(tmp_path)
    outside.make_and_hand_over()
    before = outside.known()
    outside.write(text)
    with pytest.raises(Refused) as refused:
        outside.open().make()
    told = [finding.message for finding in refused.value.findings]
    for part in said:
        match = next((message for message in told if part in message), None)
        assert match is not None, (part, told)
        told.remove(match)
    assert told == []
    outside.write(SERVERS)
    assert outside.known() == before, "nothing of the plan was run"


ALLOWED = {
    "moved to another name": SERVERS.replace('"server"', '"machine"')
    + "moved {\n  from = terraform_data.server\n  to   = terraform_data.machine\n}",
    "a record beside them": SERVERS + 'resource "terraform_data" "note" {\n  input = 1\n}',
    "the same in other words": SERVERS.replace("each.value.zone", 'format("%s", each.value.zone)'),
}


@pytest.mark.parametrize("case", sorted(ALLOWED))
def test_what_leaves_live_servers_as_they_are_runs(tmp_path: Path, case: str) -> None:
    outside = Outside(tmp_path)
    outside.make_and_hand_over()
    before = sorted(ident for _, ident in outside.known())
    outside.write(ALLOWED[case])
    outside.open().make()
    assert set(before) <= {ident for _, ident in outside.known()}


def test_a_move_is_written_into_the_state_and_the_block_is_needed_no_more(tmp_path: Path) -> None:
    outside = Outside(tmp_path)
    outside.make_and_hand_over()
    outside.write(ALLOWED["moved to another name"])
    outside.open().make()
    outside.write(SERVERS.replace('"server"', '"machine"'))
    outside.open().make()
    assert [address.split(".")[-1] for address, _ in outside.known()] == ['machine["app"]', 'machine["db"]']


NESTED = r"""
module "vm" {
  for_each = { for name, server in var.servers : "${name} \"甲\".b[0]" => server }
  source   = "./vm"
  name     = each.key
}
"""
ONE = """
variable "name" { type = string }
resource "terraform_data" "server" {
  input = { name = var.name }
}
"""


def test_servers_in_nested_modules_with_odd_keys_are_refused_by_name_and_taken_back(tmp_path: Path) -> None:
    outside = Outside(tmp_path)
    (outside.module / "vm").mkdir()
    (outside.module / "vm" / "main.tf").write_text(ONE)
    outside.write(NESTED)
    outside.make_and_hand_over()
    outside.write(NESTED.replace("var.servers", '{ app = 1 }'))
    with pytest.raises(Refused) as refused:
        outside.open().make()
    (finding,) = refused.value.findings
    assert "server" in finding.message
    assert 'module.vm["db \\"甲\\".b[0]"]' in finding.message
    outside.write(NESTED)
    outside.chain.stands = Stand.HANDED_OVER
    outside.open().take_back(expected=["app", "db"], keep_volumes=True)
    assert outside.known() == []


def test_volumes_in_nested_modules_stay_when_their_servers_are_taken_back(tmp_path: Path) -> None:
    outside = Outside(tmp_path, MARKED + '"terraform_data.disk" = "volume"\n')
    (outside.module / "vm").mkdir()
    (outside.module / "vm" / "main.tf").write_text(ONE + 'resource "terraform_data" "disk" {\n  input = var.name\n}\n')
    outside.write(NESTED)
    outside.make_and_hand_over()
    disks = sorted(ident for address, ident in outside.known() if "terraform_data.disk" in address)
    outside.chain.stands = Stand.HANDED_OVER
    servers = outside.open()
    servers.take_back(expected=["app", "db"], keep_volumes=True)
    assert sorted(volume.id for volume in servers.book.kept()) == disks
    assert outside.known() == []


def test_of_a_module_that_does_not_say_what_a_volume_is_nothing_is_destroyed_after_hand_over(tmp_path: Path) -> None:
    outside = Outside(tmp_path, kinds="")
    outside.make_and_hand_over()
    before = outside.known()
    outside.chain.stands = Stand.HANDED_OVER
    with pytest.raises(NeedsPerson, match="does not say whether these hold data"):
        outside.open().take_back(expected=["app", "db"], keep_volumes=True)
    assert outside.known() == before
    (outside.module / "module.toml").write_text(MARKED)
    outside.open().take_back(expected=["app", "db"], keep_volumes=True)
    assert outside.known() == []


def test_a_state_of_a_newer_terraform_is_said_and_nothing_is_done(tmp_path: Path) -> None:
    outside = Outside(tmp_path)
    outside.make_and_hand_over()
    file = outside.folder / "work" / "portal" / "terraform.tfstate"
    state = json.loads(file.read_text())
    newer = json.dumps(state | {"version": 5})
    file.write_text(newer)
    for deed in (lambda: outside.open().make(), lambda: outside.open().look(["app"]),
                 lambda: outside.open().take_back(expected=["app", "db"], keep_volumes=True)):  # fmt: skip
        with pytest.raises(ToolError) as error:
            deed()
        assert "newer Terraform" in error.value.remedy, error.value
        assert file.read_text() == newer
    file.write_text(json.dumps(state | {"terraform_version": "99.0.0"}))  # of the same form: Terraform itself reads it
    assert outside.open().make().keys() == {"app", "db"}


def test_what_a_module_imports_is_nobodys_but_the_clouds(tmp_path: Path) -> None:
    """Only a root module may import, and the root is ours; what a person puts beside it is judged."""
    outside = Outside(tmp_path)
    outside.open().make()
    block = 'resource "terraform_data" "server" {\n}\nimport {\n  to = terraform_data.server\n  id = "a-strangers"\n}\n'
    (outside.folder / "work" / "portal" / "by-hand.tf").write_text(block)
    with pytest.raises(Refused) as refused:
        outside.open().make()
    assert ["server server would be taken over as a-strangers" in finding.message for finding in refused.value.findings] == [True]
    assert len(outside.known()) == 2


FAILING = """
resource "terraform_data" "note" {
  provisioner "local-exec" {
    command = "test ! -e ${path.root}/broken"
  }
  depends_on = [terraform_data.server]
}
"""


def test_a_provider_that_fails_half_way_is_said_and_the_next_run_goes_on(tmp_path: Path) -> None:
    outside = Outside(tmp_path)
    outside.write(SERVERS + FAILING)
    broken = outside.folder / "work" / "portal" / "broken"
    broken.parent.mkdir(parents=True)
    broken.touch()
    with pytest.raises(ToolError, match="local-exec"):
        outside.open().make()
    made = [ident for address, ident in outside.known() if "server" in address]
    broken.unlink()
    outside.open().make()
    assert [ident for address, ident in outside.known() if "server" in address] == made
    assert outside.open().book.position().unfinished == frozenset()


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("{}", "does not say where app, db answers"),
        ('{ for name in keys(var.servers) : name => { address = "10.0.0.1", ssh_user = "ops", ssh_port = 22, zone = "x" } }', "one machine"),
        ('[for name in keys(var.servers) : name]', "no map of servers"),
    ],
)
def test_an_output_that_cannot_be_worked_with_is_said(tmp_path: Path, output: str, said: str) -> None:
    outside = Outside(tmp_path)
    (outside.module / "outputs.tf").write_text(f'output "servers" {{\n  value = {output}\n}}\n')
    with pytest.raises(ToolError, match=said):
        outside.open().make()
    assert len(outside.known()) == 2


def test_of_a_module_that_says_nothing_everything_is_guarded(tmp_path: Path) -> None:
    outside = Outside(tmp_path, kinds="")
    outside.make_and_hand_over()
    outside.names = ["app"]
    with pytest.raises(Refused) as refused:
        outside.open().make()
    assert ["terraform_data db would be destroyed" in finding.message for finding in refused.value.findings] == [True]


def test_a_tainted_server_is_not_made_anew(tmp_path: Path) -> None:
    outside = Outside(tmp_path)
    outside.make_and_hand_over()
    terraform = outside.open().terraform._terraform(60)
    assert terraform.cmd("taint", 'module.system.terraform_data.server["db"]')[0] == 0
    with pytest.raises(Refused) as refused:
        outside.open().make()
    (finding,) = refused.value.findings
    assert "server db would be destroyed and made anew, empty because an earlier apply did not complete it" in finding.message
    assert "untaint" in finding.remedy


@pytest.mark.parametrize("name", ["TF_CLI_ARGS", "TF_CLI_ARGS_plan", "TF_CLI_ARGS_apply"])
@pytest.mark.parametrize("option", ["-destroy", '-target=module.system.terraform_data.server["db"]', "-refresh-only"])
def test_options_in_the_environment_change_no_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, option: str) -> None:
    outside = Outside(tmp_path)
    monkeypatch.setenv(name, option)
    outside.open().make()
    assert len(outside.known()) == 2


def test_what_a_person_put_beside_the_root_module_is_judged_like_the_rest(tmp_path: Path) -> None:
    outside = Outside(tmp_path)
    outside.make_and_hand_over()
    (outside.folder / "work" / "portal" / "by-hand.tf").write_text('resource "terraform_data" "more" {\n  input = 1\n}\n')
    with pytest.raises(Refused) as refused:
        outside.open().make()
    assert ["terraform_data more would be made anew" in finding.message for finding in refused.value.findings] == [True]
    assert len(outside.known()) == 2
