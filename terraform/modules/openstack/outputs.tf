output "servers" {
  description = "Server name → where it answers: address, ssh_user, ssh_port, zone."
  value = {
    for name, server in var.servers : name => {
      address  = openstack_networking_port_v2.server[name].all_fixed_ips[0]
      ssh_user = var.ssh_user
      ssh_port = 22
      zone     = server.zone
    }
  }
  depends_on = [openstack_compute_instance_v2.server]
}
