# Two commands are enough: `make demo` and `make test`. Each begins with what `make setup` does; a second time it costs nothing.
PYTHON ?= python3
VENV := .venv
# Tests are run by this many at once, since on two cores they wait more than they compute; one at a time: make test WORKERS=0
WORKERS ?= 4
# Hosts that boot, and servers of a cloud, take more
LAB_WORKERS ?= 2
# Where a shell exports it, every process compiles what was edited since, and pytest rewrites every test in every worker
unexport PYTHONDONTWRITEBYTECODE
STAMP := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup lock demo test test-idempotence test-faults test-contracts test-office docs-databases docs-movers lab-programs lab-up lab-down test-lab test-lab-short test-openstack test-openstack-long test-openstack-short lint types bench bench-plan bench-office bench-forms bench-move bench-server bench-dryrun bench-openstack bench-flight check

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Python environment in .venv, server programs in .tools when this machine lacks them
	@sh scripts/programs.sh

$(STAMP): requirements.lock pyproject.toml
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh scripts/environment.sh
	@touch $@

demo: setup ## move a small city end to end on loopback, judge it from outside, leave a report
	@$(VENV)/bin/orchestrator demo --json .city-demo.json

test: setup ## every test: units, properties, real servers, faults, the demo city
	@$(VENV)/bin/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-idempotence: setup ## every playbook twice (the second run changes nothing), terraform plan after apply
	@$(VENV)/bin/python -m pytest tests/integration/test_playbooks.py tests/integration/tools $(ARGS)

test-faults: setup ## kill -9 in the fence and elsewhere, on real servers
	@$(VENV)/bin/python -m pytest tests/faults -m 'not bench' $(ARGS)

lab-programs:
	@sh scripts/lab.sh

lab-up: setup lab-programs ## boot hosts on this machine: HOSTS="app@room db@room app-new@cloud …" (root on Debian; tests/lab/README.md)
	@$(VENV)/bin/python -m tests.lab.command up $(if $(HOSTS),"$(HOSTS)")

lab-down: ## take them away again
	@$(VENV)/bin/python -m tests.lab.command down

test-lab: setup lab-programs ## the engine on hosts that boot: systemd, sudo, owners, networks, power cuts
	@$(VENV)/bin/python -m pytest tests/lab -m lab -n $(LAB_WORKERS) --dist loadfile --no-loadscope-reorder -rs $(ARGS)

test-lab-short: setup lab-programs ## the part of it that every change must pass
	@$(VENV)/bin/python -m pytest tests/lab -m 'lab and not long' -n $(LAB_WORKERS) --dist loadfile $(ARGS)

test-openstack: setup lab-programs ## the module, the engine and a real OpenStack (root on Debian; the first time it is built, minutes)
	@$(VENV)/bin/python -m pytest tests/openstack -m openstack --ignore tests/openstack/test_journey.py --ignore tests/openstack/test_attacks.py -n $(LAB_WORKERS) --dist loadfile --no-loadscope-reorder -rs $(ARGS)

test-openstack-long: setup lab-programs ## a cloud's bad days; ten kills each of an apply and a destroy; a system moved to servers that boot, and back (emulated: half an hour)
	@OPENSTACK_LAB_MOMENTS=10 $(VENV)/bin/python -m pytest tests/openstack/test_attacks.py tests/openstack/test_journey.py tests/openstack/test_making.py -m openstack -k 'test_attacks or test_journey or kills' -n $(LAB_WORKERS) --dist loadfile --no-loadscope-reorder -rs $(ARGS)

test-openstack-short: setup lab-programs ## the part of it with the fake compute driver, that every change must pass
	@$(VENV)/bin/python -m pytest tests/openstack -m 'openstack and not long' -rs $(ARGS)

test-office: setup ## a wave triggered in Prefect, decided on the command line, rolled back from Prefect; two controllers, one of them lost
	@$(VENV)/bin/python -m pytest tests/integration -m office $(ARGS)

test-contracts: setup ## what movers carry, refuse, break: every case on real servers, as a table; a server that dies after any act
	@$(VENV)/bin/python -m pytest tests/contracts -m 'not bench' $(ARGS)

docs-databases: setup ## write the table of cases into docs/databases.md
	@$(VENV)/bin/python -m tests.contracts.table

docs-movers: setup ## write kinds, promises and runbooks into docs/movers.md
	@$(VENV)/bin/python -m orchestrator.runbooks.page

lint: setup ## ruff, ansible-lint (production profile), terraform fmt
	@$(VENV)/bin/ruff check .
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(VENV)/bin/ansible-lint -q --offline playbooks
	@$$(PATH="$(CURDIR)/.tools/bin:$$PATH" command -v terraform) fmt -check -recursive terraform

types: setup ## mypy --strict
	@$(VENV)/bin/mypy

bench: setup ## print figures (asserts nothing)
	@$(VENV)/bin/python -m pytest tests -m bench -s --override-ini timeout=3600 $(ARGS)

bench-plan: setup ## the planner's table on seeded instances
	@$(VENV)/bin/python -m tests.bench.bench_plan

bench-move: setup ## switches under load, beside backup and restore and a physical switchover (OUT=FILE keeps the figures as JSON)
	@$(VENV)/bin/python -m tests.bench.move.bench_move $(if $(OUT),--out $(OUT)) $(ARGS)

bench-server: setup lab-programs ## a whole server there and back under load on hosts that boot, beside stop, copy, boot (root on Debian; ARGS="--rounds 3 --out FILE")
	@$(VENV)/bin/python -m tests.lab.bench_server $(ARGS)

bench-dryrun: setup ## dry runs of 50, 200 and 1,000 systems, beside a shell loop of the same checks
	@$(VENV)/bin/python -m tests.bench.bench_dryrun $(ARGS)

bench-openstack: setup ## twenty systems made on a real OpenStack (fake compute driver), beside bare terraform apply
	@$(VENV)/bin/python -m tests.openstack.bench $(ARGS)

bench-office: setup ## generated forms of offices, from the file to the report: rows lost, false counts, words of classified rows (ARGS=--cells=N)
	@$(VENV)/bin/python -m tests.bench.bench_office $(ARGS)

bench-forms: setup ## what is asked and understood of each shipped mapping and of ten office forms
	@$(VENV)/bin/python -m tests.bench.bench_forms

check: setup ## what CI runs
	@$(MAKE) --no-print-directory -j 2 lint types
	@$(MAKE) --no-print-directory test

lock: ## pin the dependencies again (needs uv)
	uv pip compile pyproject.toml --group dev --all-extras --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--python-version 3.11 -o requirements.lock
	uv pip compile requirements-terraform.in --generate-hashes --no-emit-index-url --no-annotate --no-header -o requirements-terraform.lock
