# Servers of one system on OpenStack: an instance, a port and a boot volume each; one security group for the system.
# Never run against a cloud: see README.md.

locals {
  openings = merge([
    for name, server in var.servers : {
      for pair in setproduct(server.ports, var.client_cidrs) : "${name} ${pair[0]} ${pair[1]}" => { port = pair[0], cidr = pair[1] }
    }
  ]...)
  # Security groups know addresses, not names: a link without an address stays a matter of the network's own people.
  links = { for number, link in var.links : "${number}-${link.peer}" => link if link.address != null }
}

data "openstack_images_image_v2" "boot" {
  name        = var.image
  most_recent = true
}

data "openstack_compute_flavor_v2" "server" {
  for_each = var.servers

  name  = each.value.size
  vcpus = each.value.size == null ? each.value.vcpus : null
  ram   = each.value.size == null ? each.value.memory_gb * 1024 : null
}

data "openstack_networking_network_v2" "zone" {
  for_each = toset([for server in values(var.servers) : server.zone])

  name = var.networks[each.key]
}

resource "openstack_networking_secgroup_v2" "system" {
  name                 = var.system_id
  description          = "等保 ${var.protection_grade}"
  delete_default_rules = true # the default lets everything out
}

resource "openstack_networking_secgroup_rule_v2" "within" {
  for_each = toset(["ingress", "egress"])

  security_group_id = openstack_networking_secgroup_v2.system.id
  direction         = each.key
  ethertype         = "IPv4"
  remote_group_id   = openstack_networking_secgroup_v2.system.id
}

resource "openstack_networking_secgroup_rule_v2" "admin" {
  for_each = toset(var.admin_cidrs)

  security_group_id = openstack_networking_secgroup_v2.system.id
  description       = "controller"
  direction         = "ingress"
  ethertype         = "IPv4"
  protocol          = "tcp"
  port_range_min    = 22
  port_range_max    = 22
  remote_ip_prefix  = each.key
}

resource "openstack_networking_secgroup_rule_v2" "client" {
  for_each = { for opening in values(local.openings) : "${opening.port} ${opening.cidr}" => opening... }

  security_group_id = openstack_networking_secgroup_v2.system.id
  description       = "clients"
  direction         = "ingress"
  ethertype         = "IPv4"
  protocol          = "tcp"
  port_range_min    = each.value[0].port
  port_range_max    = each.value[0].port
  remote_ip_prefix  = each.value[0].cidr
}

resource "openstack_networking_secgroup_rule_v2" "link_out" {
  for_each = { for name, link in local.links : name => link if link.direction != "in" }

  security_group_id = openstack_networking_secgroup_v2.system.id
  description       = each.value.peer
  direction         = "egress"
  ethertype         = "IPv4"
  protocol          = "tcp"
  port_range_min    = each.value.port
  port_range_max    = each.value.port
  remote_ip_prefix  = "${each.value.address}/32"
}

resource "openstack_networking_secgroup_rule_v2" "link_in" {
  for_each = { for name, link in local.links : name => link if link.direction != "out" }

  security_group_id = openstack_networking_secgroup_v2.system.id
  description       = each.value.peer
  direction         = "ingress"
  ethertype         = "IPv4"
  protocol          = "tcp"
  port_range_min    = each.value.port
  port_range_max    = each.value.port
  remote_ip_prefix  = "${each.value.address}/32"
}

resource "openstack_networking_port_v2" "server" {
  for_each = var.servers

  name               = each.key
  network_id         = data.openstack_networking_network_v2.zone[each.value.zone].id
  security_group_ids = [openstack_networking_secgroup_v2.system.id]
  admin_state_up     = true
}

resource "openstack_compute_servergroup_v2" "system" {
  name     = var.system_id
  policies = ["soft-anti-affinity"] # two instances of a service on two machines, where there are two
}

resource "openstack_compute_instance_v2" "server" {
  for_each = var.servers

  name      = each.key
  flavor_id = data.openstack_compute_flavor_v2.server[each.key].id
  key_pair  = var.key_pair
  metadata  = { system = var.system_id, protection_grade = tostring(var.protection_grade) }

  block_device {
    uuid                  = data.openstack_images_image_v2.boot.id
    source_type           = "image"
    destination_type      = "volume"
    volume_size           = each.value.disk_gb
    boot_index            = 0
    delete_on_termination = true
  }

  network {
    port = openstack_networking_port_v2.server[each.key].id
  }

  scheduler_hints {
    group = openstack_compute_servergroup_v2.system.id
  }

  lifecycle {
    ignore_changes = [block_device[0].uuid] # a newer image of the same name must not replace a live server
  }
}
