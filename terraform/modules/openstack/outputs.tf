output "servers" {
  description = "Server name → where it answers: address, ssh_user, ssh_port, zone."
  value = {
    for name, server in var.servers : name => {
      # A port of a network with IPv4 and IPv6 has two addresses: the controller takes the IPv4 one.
      address = try(
        [for address in openstack_networking_port_v2.server[name].all_fixed_ips : address if !strcontains(address, ":")][0],
        openstack_networking_port_v2.server[name].all_fixed_ips[0], ""
      )
      ssh_user = var.ssh_user
      ssh_port = 22
      zone     = server.zone
    }
  }
  depends_on = [openstack_compute_instance_v2.server, openstack_compute_volume_attach_v2.data]
}
