# Holds the module to the contract in terraform/README.md, with a mocked provider (its binary is needed for the schema).
# tests/openstack runs the same module against a real OpenStack.

mock_provider "openstack" {
  mock_resource "openstack_networking_port_v2" {
    defaults = { all_fixed_ips = ["fd00::2", "10.2.3.4"] }
  }
  mock_data "openstack_networking_subnet_ids_v2" {
    defaults = { ids = ["5a7c7e06-6c1c-4d0b-9f7e-0f4f6b7f7a11"] }
  }
  mock_data "openstack_images_image_v2" {
    defaults = { min_disk_gb = 10 }
  }
  mock_data "openstack_compute_keypair_v2" {
    defaults = { name = "orchestrator" }
  }
}

variables {
  system_id        = "citizen-portal"
  protection_grade = 3
  servers = {
    portal-app-cloud = { zone = "government_extranet", vcpus = 2, memory_gb = 4, ports = [8001] }
    portal-db-cloud  = { zone = "government_extranet", size = "medium", disk_gb = 20.5 }
  }
  admin_cidrs  = ["10.1.0.0/24"]
  client_cidrs = ["10.2.0.10/32"]
}

run "gives_every_server_an_address_a_user_a_port_and_its_zone" {
  command = plan # what is protected could not be taken away again at the end of an apply

  override_resource {
    target          = openstack_networking_port_v2.server
    override_during = plan
    values          = { all_fixed_ips = ["fd00::2", "10.2.3.4"] }
  }
  assert {
    condition     = toset(keys(output.servers)) == toset(keys(var.servers))
    error_message = "The outputs must name exactly the servers that were asked for."
  }
  assert {
    condition = alltrue([
      for name, server in output.servers :
      server.address == "10.2.3.4" && server.ssh_user != "" && server.ssh_port > 0 && server.zone == var.servers[name].zone
    ])
    error_message = "Every server has its IPv4 address, ssh_user, ssh_port and the zone it was asked for in."
  }
  assert {
    condition     = openstack_blockstorage_volume_v3.boot["portal-db-cloud"].size == 21
    error_message = "A disk of 20.5 GB is one of 21."
  }
}

run "one_opening_for_each_meaning" {
  command = plan
  variables {
    client_cidrs = ["10.2.0.10/32", "10.2.0.10/32", "10.3.0.9/24", "10.3.0.0/24", "fd00:1::/64"]
    links = [
      { peer = "A", direction = "both", address = "10.2.0.10", port = 8001 },
      { peer = "B", direction = "out", address = "10.2.0.10", port = 8001 },
      { peer = "C", direction = "out", address = "fd00::1", port = 443 },
      { peer = "D", direction = "out" },
    ]
  }
  assert {
    condition = toset(keys(openstack_networking_secgroup_rule_v2.opening)) == toset([
      "in tcp 22 from 10.1.0.0/24", "in tcp 8001 from 10.1.0.0/24", "in tcp 8001 from 10.2.0.10/32", "in tcp 8001 from 10.3.0.0/24", "in tcp 8001 from fd00:1::/64",
      "out tcp 443 to fd00::1/128", "out tcp 80 to 169.254.169.254/32", "out tcp 8001 to 10.2.0.10/32",
    ])
    error_message = "Rules: ${join("; ", keys(openstack_networking_secgroup_rule_v2.opening))}."
  }
  assert {
    condition     = openstack_networking_secgroup_rule_v2.opening["in tcp 8001 from 10.2.0.10/32"].description == "clients, link A"
    error_message = "A rule says for whom it is."
  }
  assert {
    condition     = openstack_networking_secgroup_rule_v2.opening["out tcp 443 to fd00::1/128"].ethertype == "IPv6"
    error_message = "An IPv6 address makes an IPv6 rule."
  }
}

run "opens_the_ways_that_the_migration_needs" {
  command = plan
  variables {
    client_cidrs     = []
    metadata_service = false
    paths = [
      { peer = "old db", direction = "in", address = "10.9.0.2", port = 5432 },
      { peer = "old db", direction = "out", address = "10.9.0.2", port = 5432 },
      { peer = "gateway gw", direction = "out", address = "10.2.0.10", port = 6432 },
    ]
  }
  assert {
    condition = toset(keys(openstack_networking_secgroup_rule_v2.opening)) == toset([
      "in tcp 22 from 10.1.0.0/24", "in tcp 8001 from 10.1.0.0/24", "in tcp 5432 from 10.9.0.2/32", "out tcp 5432 to 10.9.0.2/32",
      "out tcp 6432 to 10.2.0.10/32",
    ])
    error_message = "Rules: ${join("; ", keys(openstack_networking_secgroup_rule_v2.opening))}."
  }
}

run "refuses_a_way_to_a_name" {
  command = plan
  variables {
    paths = [{ peer = "gateway gw", direction = "out", address = "gw.example", port = 6432 }]
  }
  expect_failures = [var.paths]
}

run "asks_names_time_and_packages_where_they_are_named" {
  command = plan
  variables {
    dns_cidrs        = ["10.0.0.53/32"]
    time_cidrs       = ["10.0.0.123/32"]
    package_cidrs    = ["10.0.0.80/32"]
    metadata_service = false
    client_cidrs     = []
  }
  assert {
    condition = toset(keys(openstack_networking_secgroup_rule_v2.opening)) == toset([
      "in tcp 22 from 10.1.0.0/24", "in tcp 8001 from 10.1.0.0/24", "out tcp 443 to 10.0.0.80/32", "out tcp 53 to 10.0.0.53/32", "out tcp 80 to 10.0.0.80/32",
      "out udp 123 to 10.0.0.123/32", "out udp 53 to 10.0.0.53/32",
    ])
    error_message = "Rules: ${join("; ", keys(openstack_networking_secgroup_rule_v2.opening))}."
  }
}

run "spreads_servers_over_the_zones_in_turn" {
  command = plan
  variables {
    availability_zones = ["az1", "az2"]
  }
  assert {
    condition = [
      openstack_compute_instance_v2.server["portal-app-cloud"].availability_zone, openstack_compute_instance_v2.server["portal-db-cloud"].availability_zone
    ] == ["az1", "az2"]
    error_message = "Two servers stand in two zones."
  }
}

run "a_single_server_takes_no_server_group" {
  command = plan
  variables {
    servers = { a = { zone = "internet", size = "small" } }
  }
  assert {
    condition     = length(openstack_compute_servergroup_v2.system) == 0
    error_message = "Clouds give few server groups."
  }
}

run "of_settled_servers_nothing_is_looked_up" {
  command = plan
  variables {
    settled = true
    image   = "retired-long-ago"
  }
  assert {
    condition = (length(data.openstack_images_image_v2.boot) + length(data.openstack_compute_flavor_v2.server) +
    length(data.openstack_networking_network_v2.zone) + length(data.openstack_compute_keypair_v2.controller)) == 0
    error_message = "What may be retired is not asked for."
  }
}

run "refuses_a_disk_smaller_than_the_image_asks_for" {
  command = plan
  variables {
    servers = { a = { zone = "internet", size = "small", disk_gb = 9 } }
  }
  expect_failures = [openstack_blockstorage_volume_v3.boot]
}

run "refuses_an_unknown_zone" {
  command = plan
  variables {
    servers = { a = { zone = "moon" } }
  }
  expect_failures = [var.servers]
}
