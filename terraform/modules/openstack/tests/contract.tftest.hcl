# Holds the module to the contract in terraform/README.md, with a mocked provider (its binary is needed for the schema).

mock_provider "openstack" {
  mock_resource "openstack_networking_port_v2" {
    defaults = { all_fixed_ips = ["10.2.3.4"] }
  }
}

variables {
  system_id        = "citizen-portal"
  protection_grade = 3
  servers = {
    portal-app-cloud = { zone = "government_extranet", vcpus = 2, memory_gb = 4, ports = [8001] }
    portal-db-cloud  = { zone = "government_extranet", size = "medium" }
  }
  admin_cidrs  = ["10.1.0.0/24"]
  client_cidrs = ["10.2.0.10/32"]
}

run "gives_every_server_an_address_a_user_a_port_and_its_zone" {
  assert {
    condition     = toset(keys(output.servers)) == toset(keys(var.servers))
    error_message = "The outputs must name exactly the servers that were asked for."
  }
  assert {
    condition = alltrue([
      for name, server in output.servers :
      server.address != "" && server.ssh_user != "" && server.ssh_port > 0 && server.zone == var.servers[name].zone
    ])
    error_message = "Every server has address, ssh_user, ssh_port and the zone it was asked for in."
  }
}

run "refuses_an_unknown_zone" {
  command = plan
  variables {
    servers = { a = { zone = "moon" } }
  }
  expect_failures = [var.servers, var.networks]
}

run "refuses_to_open_a_grade_3_system_to_everyone" {
  command = plan
  variables {
    client_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.client_cidrs]
}
