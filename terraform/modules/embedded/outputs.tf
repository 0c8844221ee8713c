output "servers" {
  description = "Server name → where it answers: address, ssh_user, ssh_port, zone; and what kind of host it is."
  value = {
    for name, server in var.servers : name => {
      address  = local.addresses[name]
      ssh_user = var.ssh_user
      ssh_port = var.ssh_port
      zone     = server.zone
      manager  = "processes"
      root     = "${var.city}/hosts/${name}"
      python   = var.python
    }
  }
  depends_on = [terraform_data.server]
}
