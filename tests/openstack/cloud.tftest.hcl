# The module with the real provider against a real OpenStack: what a plan gives and what it refuses. Applies are the engine's tests,
# since what the module protects cannot be taken away by `terraform test`.

variables {
  system_id        = "citizen-portal"
  protection_grade = 3
  servers = {
    portal-app = { zone = "government_extranet", size = "s1", disk_gb = 2, ports = [8001] }
    portal-db  = { zone = "government_extranet", vcpus = 1, memory_gb = 0.5, disk_gb = 2.5 }
  }
  admin_cidrs  = ["10.50.0.1/32"]
  client_cidrs = ["10.50.0.10/32"]
}

run "plans_two_servers" {
  command = plan
  assert {
    condition     = toset(keys(output.servers)) == toset(["portal-app", "portal-db"])
    error_message = "Both servers are planned."
  }
  assert {
    condition     = openstack_compute_instance_v2.server["portal-app"].flavor_id == openstack_compute_instance_v2.server["portal-db"].flavor_id
    error_message = "The flavour of a name and the one of its size are the same."
  }
}

run "takes_ids_as_well_as_names" {
  command = plan
  variables {
    flavors = { portal-app = "s2" }
  }
  assert {
    condition     = openstack_compute_instance_v2.server["portal-app"].flavor_id != openstack_compute_instance_v2.server["portal-db"].flavor_id
    error_message = "The engine's flavour comes before the size."
  }
}

run "refuses_a_network_without_a_subnet" {
  command = plan
  variables {
    servers = { portal-db = { zone = "internet", size = "s1", disk_gb = 2 } }
  }
  expect_failures = [openstack_networking_port_v2.server]
}
