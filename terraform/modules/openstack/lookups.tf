# What is looked up by name, once, before the servers are made. Of servers that were handed over nothing is: a retired flavour
# or image must not keep a plan of a live system from being made.

locals {
  uuid = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"

  network_names = toset(concat([for server in values(var.servers) : lookup(var.networks, server.zone, "")], flatten(values(var.more_networks))))

  # A flavour's id need not be a UUID: what is given is tried as a name, unless it looks like an id. An id is taken as it stands, as
  # an image's is: the engine has just read it off the cloud, and three questions for each server would be asked again.
  flavor_names = { for name, server in var.servers : name => try(coalesce(lookup(var.flavors, name, null), server.size), null) }
  flavor_ids   = { for name, flavor in local.flavor_names : name => flavor if can(regex(local.uuid, flavor)) }
}

data "openstack_images_image_v2" "boot" {
  count = var.settled || can(regex(local.uuid, var.image)) ? 0 : 1 # an id is taken as it stands: there is no look-up by id

  name        = var.image
  most_recent = true
}

data "openstack_compute_flavor_v2" "server" {
  for_each = { for name, server in var.servers : name => server if !var.settled && !contains(keys(local.flavor_ids), name) }

  name  = local.flavor_names[each.key]
  vcpus = local.flavor_names[each.key] == null ? each.value.vcpus : null
  ram   = local.flavor_names[each.key] == null ? ceil(each.value.memory_gb * 1024) : null
}

data "openstack_networking_network_v2" "zone" {
  for_each = var.settled ? [] : local.network_names

  name       = can(regex(local.uuid, each.key)) ? null : each.key
  network_id = can(regex(local.uuid, each.key)) ? each.key : null
}

data "openstack_networking_subnet_ids_v2" "zone" {
  for_each = data.openstack_networking_network_v2.zone

  network_id = each.value.id
}

data "openstack_compute_keypair_v2" "controller" {
  count = var.settled ? 0 : 1

  name = var.key_pair
}
