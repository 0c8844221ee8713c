# Holds the module to the contract in terraform/README.md. `program` is replaced: nothing is started.

variables {
  system_id        = "citizen-portal"
  protection_grade = 3
  city             = "/srv/city"
  program          = ["true"]
  servers = {
    portal-app-cloud = { zone = "government_extranet", vcpus = 2, memory_gb = 4, ports = [8001] }
    portal-db-cloud  = { zone = "government_extranet", size = "medium" }
  }
  links = [{ peer = "湖北政务服务网", direction = "both" }]
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

run "gives_the_same_address_again_and_keeps_clear_of_the_gateways" {
  command = plan

  assert {
    condition     = output.servers["portal-app-cloud"].address == run.gives_every_server_an_address_a_user_a_port_and_its_zone.servers["portal-app-cloud"].address
    error_message = "An address depends on the name only."
  }
  assert {
    condition     = alltrue([for server in output.servers : !can(regex("^127\\.20\\.128\\.([0-9]|1[0-5])$", server.address))])
    error_message = "The first 16 addresses of the range belong to gateways."
  }
}

run "takes_an_address_that_was_set_by_hand" {
  command = plan
  variables {
    addresses = { portal-db-cloud = "127.20.128.40" }
  }

  assert {
    condition     = output.servers["portal-db-cloud"].address == "127.20.128.40"
    error_message = "An address set by hand goes before the hashed one."
  }
}

run "refuses_two_servers_at_one_address" {
  command = plan
  variables {
    addresses = { portal-db-cloud = "127.20.128.40", portal-app-cloud = "127.20.128.40" }
  }
  expect_failures = [terraform_data.server]
}

run "refuses_a_system_id_with_other_characters" {
  command = plan
  variables {
    system_id = "Portal; touch x"
  }
  expect_failures = [var.system_id]
}

run "refuses_a_server_name_with_other_characters" {
  command = plan
  variables {
    servers = { "a b" = { zone = "internet" } }
  }
  expect_failures = [var.servers]
}

run "refuses_an_unknown_zone" {
  command = plan
  variables {
    servers = { a = { zone = "moon" } }
  }
  expect_failures = [var.servers]
}

run "refuses_a_port_that_is_none" {
  command = plan
  variables {
    servers = { a = { zone = "internet", ports = [70000] } }
  }
  expect_failures = [var.servers]
}

run "refuses_a_grade_that_is_none" {
  command = plan
  variables {
    protection_grade = 6
  }
  expect_failures = [var.protection_grade]
}

run "refuses_an_address_range_beyond_loopback" {
  command = plan
  variables {
    address_range = "10.0.0.0/16"
  }
  expect_failures = [var.address_range]
}
