# Holds the module to the contract in terraform/README.md.

variables {
  system_id        = "citizen-portal"
  protection_grade = 3
  servers = {
    vm-0412 = { zone = "government_extranet", ports = [8001] }
    vm-0413 = { zone = "government_intranet", size = "medium" }
  }
  machines = {
    vm-0412 = { address = "10.2.4.12", ssh_user = "ops" }
    vm-0413 = { address = "10.2.4.13", ssh_port = 2222, python = "/usr/bin/python3.9" }
    vm-0999 = { address = "10.2.4.99" }
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
      server.address == var.machines[name].address && server.ssh_user != "" && server.ssh_port > 0 && server.zone == var.servers[name].zone
    ])
    error_message = "Every server has its machine's address, an ssh_user, an ssh_port and the zone it was asked for in."
  }
  assert {
    condition     = output.servers["vm-0412"].ssh_port == 22 && output.servers["vm-0413"].python == "/usr/bin/python3.9" && output.servers["vm-0412"].manager == null
    error_message = "What a machine does not say has its default; what it says is handed on."
  }
}

run "refuses_a_server_for_which_no_machine_stands" {
  command = plan
  variables {
    servers = { vm-0777 = { zone = "internet" } }
  }
  expect_failures = [var.machines]
}

run "refuses_two_machines_at_one_address" {
  command = plan
  variables {
    machines = {
      vm-0412 = { address = "10.2.4.12" }
      vm-0413 = { address = "10.2.4.12" }
    }
  }
  expect_failures = [var.machines]
}
