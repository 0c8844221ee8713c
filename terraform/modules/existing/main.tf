# Machines that stand already: nothing is made and nothing is destroyed. What is taken into use is only written down.

resource "terraform_data" "server" {
  for_each = var.servers

  input = {
    system_id        = var.system_id
    protection_grade = var.protection_grade
    zone             = each.value.zone
    machine          = var.machines[each.key]
    run              = var.run
  }

  lifecycle {
    ignore_changes = [input.run] # the mark of the run that took it into use stays
  }
}

# Whoever runs these machines opens links; kept so that plan and state show which ones are meant to be open.
resource "terraform_data" "link" {
  for_each = { for number, link in var.links : "${number}-${link.peer}" => link }

  input = each.value
}
