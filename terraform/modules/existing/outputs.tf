output "servers" {
  description = "Server name → where it answers: address, ssh_user, ssh_port, zone; and what kind of host it is."
  value = {
    for name, server in var.servers : name => {
      address  = var.machines[name].address
      ssh_user = var.machines[name].ssh_user
      ssh_port = var.machines[name].ssh_port
      zone     = server.zone
      become   = var.machines[name].become
      manager  = var.machines[name].manager
      root     = var.machines[name].root
      python   = var.machines[name].python
    }
  }
  depends_on = [terraform_data.server]
}
