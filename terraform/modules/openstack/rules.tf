# One opening for each meaning: asked for twice (a client's range that is also a link's address), it is one rule with both reasons.

locals {
  # What the migration itself needs is opened like a link, and its rule says so.
  opened_links = [for link in concat(var.links, var.paths) : link if link.address != null && link.port != null && !contains(var.skip_links, link.peer)]
  link_cidrs   = { for address in distinct(local.opened_links[*].address) : address => "${address}/${strcontains(address, ":") ? 128 : 32}" }

  asked_rules = concat(
    # Controllers work on the servers, on their databases and on what a service says of its health.
    flatten([for cidr in var.admin_cidrs : [
      for port in distinct(concat([22], flatten(values(var.servers)[*].ports))) : { direction = "ingress", protocol = "tcp", port = port, cidr = cidr, why = "controller" }
    ]]),
    flatten([for server in values(var.servers) : [
      for pair in setproduct(server.ports, var.client_cidrs) : { direction = "ingress", protocol = "tcp", port = pair[0], cidr = pair[1], why = "clients" }
    ]]),
    [for link in local.opened_links : { direction = "egress", protocol = "tcp", port = link.port, cidr = local.link_cidrs[link.address], why = "link ${link.peer}" } if link.direction != "in"],
    [for link in local.opened_links : { direction = "ingress", protocol = "tcp", port = link.port, cidr = local.link_cidrs[link.address], why = "link ${link.peer}" } if link.direction != "out"],
    flatten([for cidr in var.dns_cidrs : [for protocol in ["udp", "tcp"] : { direction = "egress", protocol = protocol, port = 53, cidr = cidr, why = "names" }]]),
    [for cidr in var.time_cidrs : { direction = "egress", protocol = "udp", port = 123, cidr = cidr, why = "time" }],
    flatten([for cidr in var.package_cidrs : [for port in [80, 443] : { direction = "egress", protocol = "tcp", port = port, cidr = cidr, why = "packages" }]]),
    var.metadata_service ? [{ direction = "egress", protocol = "tcp", port = 80, cidr = "169.254.169.254/32", why = "metadata" }] : [],
  )

  # 10.1.0.5/24 and 10.1.0.0/24 are the same opening, and the cloud would refuse the second.
  rules = { for rule in local.asked_rules :
    "${rule.direction == "ingress" ? "in" : "out"} ${rule.protocol} ${rule.port} ${rule.direction == "ingress" ? "from" : "to"} ${cidrhost(rule.cidr, 0)}/${split("/", rule.cidr)[1]}" => merge(rule, { cidr = "${cidrhost(rule.cidr, 0)}/${split("/", rule.cidr)[1]}" })...
  }
}

resource "openstack_networking_secgroup_v2" "system" {
  name                 = var.system_id
  description          = "等保 ${var.protection_grade} ${local.mark}"
  delete_default_rules = true # the default lets everything out

  timeouts {
    delete = "2m" # its servers are gone before it: what still holds it then is a stray, which the engine looks for
  }

  lifecycle {
    # Its mark is that of the run that made it; and of a group that is adopted nobody knows how its default rules went away.
    ignore_changes = [description, delete_default_rules]
  }
}

resource "openstack_networking_secgroup_rule_v2" "within" {
  for_each = toset(["egress IPv4", "egress IPv6", "ingress IPv4", "ingress IPv6"])

  security_group_id = openstack_networking_secgroup_v2.system.id
  description       = "among the servers of ${var.system_id}"
  direction         = split(" ", each.key)[0]
  ethertype         = split(" ", each.key)[1]
  remote_group_id   = openstack_networking_secgroup_v2.system.id
}

resource "openstack_networking_secgroup_rule_v2" "opening" {
  for_each = local.rules

  security_group_id = openstack_networking_secgroup_v2.system.id
  description       = substr(join(", ", sort(distinct(each.value[*].why))), 0, 255)
  direction         = each.value[0].direction
  ethertype         = strcontains(each.value[0].cidr, ":") ? "IPv6" : "IPv4"
  protocol          = each.value[0].protocol
  port_range_min    = each.value[0].port
  port_range_max    = each.value[0].port
  remote_ip_prefix  = each.value[0].cidr
}
