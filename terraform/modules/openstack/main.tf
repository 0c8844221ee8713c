# Servers of one system on OpenStack: each with a port, a boot volume of its own, and further disks and ports where asked for.
# What holds data is protected twice: here, and by the engine, which reads every plan before it runs (terraform/README.md).

locals {
  # What is made says from its first moment whose it is: tags would come by a second call, and a kill between the two leaves a stray.
  mark = "system:${var.system_id} run:${var.run}"

  names = sort(keys(var.servers))
  zones = { for number, name in local.names : name => length(var.availability_zones) > 0 ? var.availability_zones[number % length(var.availability_zones)] : null }

  disks = merge([for server, disks in var.disks : { for name, disk in disks : "${server} ${name}" => merge(disk, { server = server, name = name }) }]...)
  cards = merge([for server, networks in var.more_networks : { for network in networks : "${server} ${network}" => { server = server, network = network } }]...)
}

# Terraform is told below to leave flavour, network and disk of a server as they are, or a flavour that the cloud made anew under
# its name would replace every live server. This record shows the engine that somebody asked for another one.
resource "terraform_data" "asked" {
  for_each = var.servers

  input = {
    zone          = each.value.zone
    network       = var.networks[each.value.zone]
    more_networks = lookup(var.more_networks, each.key, [])
    size          = each.value.size
    vcpus         = each.value.vcpus
    memory_gb     = each.value.memory_gb
    disk_gb       = each.value.disk_gb
    disks         = { for name, disk in lookup(var.disks, each.key, {}) : name => disk.size_gb }
  }
}

resource "openstack_networking_port_v2" "server" {
  for_each = var.servers

  name               = each.key
  network_id         = var.settled ? "settled" : data.openstack_networking_network_v2.zone[var.networks[each.value.zone]].id
  security_group_ids = [openstack_networking_secgroup_v2.system.id]
  admin_state_up     = true
  description        = local.mark

  lifecycle {
    ignore_changes = [description, fixed_ip, network_id]

    precondition {
      condition     = var.settled || try(length(data.openstack_networking_subnet_ids_v2.zone[var.networks[each.value.zone]].ids) > 0, false)
      error_message = "Server ${each.key}: network ${var.networks[each.value.zone]} has no subnet, so the server would get no address."
    }
  }
}

resource "openstack_networking_port_v2" "more" {
  for_each = local.cards

  name               = "${each.value.server}-${each.value.network}"
  network_id         = var.settled ? "settled" : data.openstack_networking_network_v2.zone[each.value.network].id
  security_group_ids = [openstack_networking_secgroup_v2.system.id]
  admin_state_up     = true
  description        = local.mark

  lifecycle {
    ignore_changes = [description, fixed_ip, network_id]

    precondition {
      condition     = var.settled || try(length(data.openstack_networking_subnet_ids_v2.zone[each.value.network].ids) > 0, false)
      error_message = "Server ${each.value.server}: network ${each.value.network} has no subnet, so the card would get no address."
    }
  }
}

resource "openstack_blockstorage_volume_v3" "boot" {
  for_each = var.servers

  name              = each.key
  description       = "boot disk of ${each.key}"
  size              = ceil(each.value.disk_gb)
  image_id          = can(regex(local.uuid, var.image)) ? var.image : one(data.openstack_images_image_v2.boot[*].id)
  volume_type       = var.volume_type == "" ? null : var.volume_type
  availability_zone = var.volume_availability_zone == "" ? null : var.volume_availability_zone
  metadata          = { system = var.system_id, run = var.run }

  lifecycle {
    prevent_destroy = true
    ignore_changes  = [image_id, volume_type, availability_zone, metadata] # a newer image of the same name is for new servers

    precondition {
      condition     = var.settled || ceil(each.value.disk_gb) >= try(data.openstack_images_image_v2.boot[0].min_disk_gb, 0)
      error_message = "Server ${each.key}: disk_gb is ${each.value.disk_gb}, and image ${var.image} asks for ${try(data.openstack_images_image_v2.boot[0].min_disk_gb, 0)} GB at least."
    }
  }
}

resource "openstack_blockstorage_volume_v3" "data" {
  for_each = local.disks

  name              = "${each.value.server}-${each.value.name}"
  description       = "disk ${each.value.name} of ${each.value.server}"
  size              = ceil(each.value.size_gb)
  volume_type       = each.value.volume_type != null ? each.value.volume_type : var.volume_type == "" ? null : var.volume_type
  availability_zone = var.volume_availability_zone == "" ? null : var.volume_availability_zone
  metadata          = { system = var.system_id, run = var.run }

  lifecycle {
    prevent_destroy = true
    ignore_changes  = [volume_type, availability_zone, metadata]
  }
}

resource "openstack_compute_servergroup_v2" "system" {
  count = length(var.servers) > 1 ? 1 : 0 # clouds give few of them

  name     = var.system_id
  policies = ["soft-anti-affinity"] # two instances of a service on two machines, where there are two
}

resource "openstack_compute_instance_v2" "server" {
  for_each = var.servers

  name              = each.key
  flavor_id         = var.settled ? "settled" : try(local.flavor_ids[each.key], data.openstack_compute_flavor_v2.server[each.key].id)
  key_pair          = var.settled ? var.key_pair : one(data.openstack_compute_keypair_v2.controller[*].name)
  config_drive      = true # a server that cannot reach the metadata service knows its key all the same
  availability_zone = local.zones[each.key]
  metadata          = { system = var.system_id, run = var.run, protection_grade = tostring(var.protection_grade) }

  block_device {
    uuid                  = openstack_blockstorage_volume_v3.boot[each.key].id
    source_type           = "volume"
    destination_type      = "volume"
    boot_index            = 0
    delete_on_termination = false # the volume outlives its server, until a person releases it
  }

  network {
    port           = openstack_networking_port_v2.server[each.key].id
    access_network = true
  }

  dynamic "network" {
    for_each = lookup(var.more_networks, each.key, [])

    content {
      port = openstack_networking_port_v2.more["${each.key} ${network.value}"].id
    }
  }

  dynamic "scheduler_hints" {
    for_each = openstack_compute_servergroup_v2.system

    content {
      group = scheduler_hints.value.id
    }
  }

  # So that a server is never up without its rules, and keeps them until it is gone.
  depends_on = [openstack_networking_secgroup_rule_v2.opening, openstack_networking_secgroup_rule_v2.within]

  lifecycle {
    # Each of them would replace the server; `asked` shows the engine what was asked for.
    ignore_changes = [availability_zone, block_device, config_drive, flavor_id, flavor_name, key_pair, metadata, network, scheduler_hints]
  }
}

resource "openstack_compute_volume_attach_v2" "data" {
  for_each = local.disks

  instance_id = openstack_compute_instance_v2.server[each.value.server].id
  volume_id   = openstack_blockstorage_volume_v3.data[each.key].id
}
