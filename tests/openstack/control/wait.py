"""Waits until every worker of the control plane has reported in; names those that do not."""

import sys
import time

import openstack

LIMIT = 180.0
cloud = openstack.connect(
    auth_url="http://10.70.0.1:5000/v3", username="admin", password="admin", project_name="admin",
    user_domain_name="Default", project_domain_name="Default", region_name="RegionOne", api_timeout=20,  # who does not answer is asked again, and named
)


def is_up(binary):
    return any(service.binary == binary and service.state == "up" for service in cloud.compute.services())


def is_alive(kind):
    return any(agent.agent_type == kind and agent.is_alive for agent in cloud.network.agents())


def keeps_volumes():
    services = cloud.block_storage.get("/os-services").json()["services"]
    return any(service["binary"] == "cinder-volume" and service["state"] == "up" for service in services)


WANTED = {
    "nova-compute": lambda: is_up("nova-compute"),
    "nova-scheduler": lambda: is_up("nova-scheduler"),
    "hypervisor": lambda: any(True for _ in cloud.compute.hypervisors()),
    "bridge agent": lambda: is_alive("Linux bridge agent"),
    "dhcp agent": lambda: is_alive("DHCP agent"),
    "cinder-volume": keeps_volumes,
    "resource provider": lambda: cloud.placement.get("/resource_providers").json()["resource_providers"] != [],
}
missing, deadline = dict(WANTED), time.monotonic() + LIMIT
while missing and time.monotonic() < deadline:
    for name, reports in list(missing.items()):
        try:
            if reports():
                del missing[name]
        except Exception as error:  # noqa: BLE001 - a service that is not up yet answers in many ways
            print(f"{name}: {error}", file=sys.stderr)
    time.sleep(0.5)
if missing:
    sys.exit(f"did not report in within {LIMIT:.0f} s: {', '.join(missing)}")
