# Servers of the embedded city: an sshd on a loopback address each. No provider but the built-in one, so nothing is downloaded.

locals {
  first = 16 # the ones before it belong to gateways
  size  = pow(2, 32 - tonumber(split("/", var.address_range)[1]))
  addresses = {
    for name in keys(var.servers) : name => lookup(
      var.addresses, name,
      cidrhost(var.address_range, local.first + parseint(substr(sha256(name), 0, 8), 16) % (local.size - local.first - 1))
    )
  }
}

resource "terraform_data" "server" {
  for_each = var.servers

  input = merge(each.value, { system_id = var.system_id, protection_grade = var.protection_grade, run = var.run })

  # What the destroy provisioner must know is kept in the state with the server; a change of it makes another server.
  triggers_replace = {
    program = var.program
    city    = var.city
    name    = each.key
    address = local.addresses[each.key]
    port    = var.ssh_port
  }

  lifecycle {
    ignore_changes = [input.run] # the mark of the run that made it stays

    precondition {
      condition     = length(distinct(values(local.addresses))) == length(local.addresses)
      error_message = "Two servers got the same address: set one of them in `addresses`, for example {\"${each.key}\" = \"${cidrhost(var.address_range, local.first)}\"}."
    }
  }

  # The interpreter is the whole argv but its last word: nothing passes through a shell.
  provisioner "local-exec" {
    interpreter = concat(self.triggers_replace.program, [
      "create", "--city", self.triggers_replace.city, "--name", self.triggers_replace.name,
      "--system", var.system_id, "--run", var.run, "--address", self.triggers_replace.address, "--port",
    ])
    command = tostring(self.triggers_replace.port)
  }

  provisioner "local-exec" {
    when        = destroy
    interpreter = concat(self.triggers_replace.program, ["delete", "--city", self.triggers_replace.city, "--name"])
    command     = self.triggers_replace.name
  }
}

# On loopback every link is open; kept so that plan and state show what a real cloud would open.
resource "terraform_data" "link" {
  for_each = { for number, link in var.links : "${number}-${link.peer}" => link }

  input = each.value
}
