# ---- the contract: the same in every module (terraform/README.md)

variable "system_id" {
  description = "Id of the system that the servers belong to."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,62}$", var.system_id))
    error_message = "system_id: 2 to 63 of a-z, 0-9 and -, not beginning with -, for example citizen-portal."
  }
}

variable "servers" {
  description = "Servers by name. `size` names a flavour of the cloud where it has such; else vcpus and memory_gb count. `ports`: TCP ports that the system's own clients may reach."
  type = map(object({
    zone      = string
    size      = optional(string)
    vcpus     = optional(number, 2)
    memory_gb = optional(number, 4)
    disk_gb   = optional(number, 50)
    ports     = optional(list(number), [])
  }))

  validation {
    condition     = length(var.servers) > 0
    error_message = "servers: at least one."
  }
  validation {
    condition     = alltrue([for name in keys(var.servers) : can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", name))])
    error_message = "servers: a name is 1 to 63 of a-z, 0-9 and -, for example portal-app-cloud."
  }
  validation {
    condition = alltrue([
      for server in values(var.servers) : contains(["government_extranet", "government_intranet", "internet", "dedicated"], server.zone)
    ])
    error_message = "servers: zone is government_extranet, government_intranet, internet or dedicated."
  }
  validation {
    condition     = alltrue([for server in values(var.servers) : server.vcpus >= 1 && server.memory_gb > 0 && server.disk_gb > 0])
    error_message = "servers: vcpus is 1 or more, memory_gb and disk_gb are above 0."
  }
  validation {
    condition     = alltrue(flatten([for server in values(var.servers) : [for port in server.ports : port >= 1 && port <= 65535]]))
    error_message = "servers: a port is 1 to 65535."
  }
}

variable "protection_grade" {
  description = "等保 grade of the system (GB/T 22239); zones and access rules follow from it."
  type        = number
  default     = 1

  validation {
    condition     = contains([1, 2, 3, 4, 5], var.protection_grade)
    error_message = "protection_grade: 1, 2, 3, 4 or 5."
  }
}

variable "links" {
  description = "Links to open (R8): who is reached, or reaches us, and where."
  type = list(object({
    peer      = string
    direction = optional(string, "both")
    address   = optional(string)
    port      = optional(number)
  }))
  default = []

  validation {
    condition     = alltrue([for link in var.links : contains(["in", "out", "both"], link.direction)])
    error_message = "links: direction is in, out or both."
  }
}

variable "run" {
  description = "Id of the run of Terraform that makes things: the engine's mark on them. A change of it changes nothing that is there."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[a-z0-9-]{0,64}$", var.run))
    error_message = "run: up to 64 of a-z, 0-9 and -."
  }
}

# ---- this module's own. Credentials come from the environment (OS_CLOUD or OS_*), as the provider documents.

variable "settled" {
  description = "The servers were handed over: nothing is looked up by name any more, since flavour, image and key pair may be retired. The engine sets it."
  type        = bool
  default     = false
}

variable "paths" {
  description = "Ways that the migration itself needs, as links: both sides of a database follow each other, gateways and the entry lead clients to it. The engine fills it."
  type = list(object({
    peer      = string
    direction = string
    address   = string
    port      = number
  }))
  default = []

  validation {
    condition = alltrue([
      for way in var.paths : contains(var.skip_links, way.peer) || can(cidrhost("${way.address}/${strcontains(way.address, ":") ? 128 : 32}", 0))
    ])
    error_message = "A security group knows addresses, not names: ${join(", ", [
      for way in var.paths : "${way.peer} (${way.address})" if !contains(var.skip_links, way.peer) &&
      !can(cidrhost("${way.address}/${strcontains(way.address, ":") ? 128 : 32}", 0))
    ])}. Give the address in the inventory or in sites.yaml, or name it in skip_links and have it opened by hand."
  }
}

variable "networks" {
  description = "Network of each zone, by name or id."
  type        = map(string)
  default = {
    government_extranet = "government-extranet"
    government_intranet = "government-intranet"
    internet            = "internet"
    dedicated           = "dedicated"
  }

  validation {
    condition     = alltrue([for server in values(var.servers) : contains(keys(var.networks), server.zone)])
    error_message = "networks: name a network for every zone that servers are in, for example {government_extranet = \"gov-ext\"}."
  }
}

variable "more_networks" {
  description = "Further networks of a server, by server name: names or ids, in the order of its further network cards."
  type        = map(list(string))
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.more_networks) : contains(keys(var.servers), name)])
    error_message = "more_networks: ${join(", ", setsubtract(keys(var.more_networks), keys(var.servers)))} is no server of this system."
  }
  validation {
    condition     = alltrue([for names in values(var.more_networks) : length(distinct(names)) == length(names)])
    error_message = "more_networks: a network is named twice for one server."
  }
}

variable "image" {
  description = "Image that servers boot from, by name (the newest of that name) or id."
  type        = string
  default     = "debian-12"

  validation {
    condition     = var.image != ""
    error_message = "image: the name or id of an image of the cloud, for example \"debian-12\"."
  }
}

variable "flavors" {
  description = "Flavour of each server, by server name: names or ids. The engine chooses it; without it `size` counts, else the one flavour of exactly vcpus and memory_gb."
  type        = map(string)
  default     = {}
}

variable "volume_type" {
  description = "Type of the volumes; empty: the cloud's default."
  type        = string
  default     = ""
}

variable "disks" {
  description = "Further disks of a server, by server name. A disk's name is its key; the first is the second disk of the server."
  type = map(map(object({
    size_gb     = number
    volume_type = optional(string)
  })))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.disks) : contains(keys(var.servers), name)])
    error_message = "disks: ${join(", ", setsubtract(keys(var.disks), keys(var.servers)))} is no server of this system."
  }
  validation {
    condition     = alltrue(flatten([for disks in values(var.disks) : [for disk in values(disks) : disk.size_gb >= 1]]))
    error_message = "disks: size_gb is 1 or more."
  }
  validation {
    condition     = alltrue(flatten([for disks in values(var.disks) : [for name in keys(disks) : can(regex("^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$", name))]]))
    error_message = "disks: a disk's name is 1 to 32 of a-z, 0-9 and -, for example data."
  }
}

variable "availability_zones" {
  description = "Availability zones that servers are spread over, in turn by name; empty: the cloud chooses."
  type        = list(string)
  default     = []
}

variable "volume_availability_zone" {
  description = "Availability zone of the volumes, where it is not the servers' own; empty: the cloud chooses."
  type        = string
  default     = ""
}

variable "key_pair" {
  description = "Name of the key pair whose private half the controller holds."
  type        = string
  default     = "orchestrator"
}

variable "ssh_user" {
  description = "Account of the image that the key opens."
  type        = string
  default     = "debian"

  validation {
    condition     = can(regex("^[a-z_][a-z0-9_-]{0,31}$", var.ssh_user))
    error_message = "ssh_user: the name of an account, for example debian."
  }
}

variable "admin_cidrs" {
  description = "Controllers: the only ones that may reach port 22; they reach the servers' `ports` as well, since they move what is behind them."
  type        = list(string)

  validation {
    condition     = length(var.admin_cidrs) > 0
    error_message = "admin_cidrs: nobody could reach port 22; name the controllers' ranges, for example [\"10.1.0.0/24\"]."
  }
  validation {
    condition     = alltrue([for cidr in var.admin_cidrs : can(cidrhost(cidr, 0))])
    error_message = "admin_cidrs: address ranges, for example [\"10.1.0.0/24\"]; not so: ${join(", ", [for cidr in var.admin_cidrs : cidr if !can(cidrhost(cidr, 0))])}."
  }
  validation {
    # Counted together, so that two halves of everything are everything.
    condition = try(
      sum(concat([0], [for cidr in var.admin_cidrs : pow(2, 32 - tonumber(split("/", cidr)[1])) if !strcontains(cidr, ":")])) <= pow(2, 16) &&
      sum(concat([0], [for cidr in var.admin_cidrs : pow(2, 48 - tonumber(split("/", cidr)[1])) if strcontains(cidr, ":")])) <= 1,
      true # a range that is none has its own message
    )
    error_message = "admin_cidrs: administration is for a few: together no more than a /16 (IPv6: a /48); name the controllers' own ranges."
  }
}

variable "client_cidrs" {
  description = "Who may reach the servers' `ports`. From grade 3 on, not everyone."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.client_cidrs : can(cidrhost(cidr, 0))])
    error_message = "client_cidrs: address ranges, for example [\"10.0.0.0/8\"]; not so: ${join(", ", [for cidr in var.client_cidrs : cidr if !can(cidrhost(cidr, 0))])}."
  }
  validation {
    condition = var.protection_grade < 3 || try(
      sum(concat([0], [for cidr in var.client_cidrs : pow(2, 32 - tonumber(split("/", cidr)[1])) if !strcontains(cidr, ":")])) <= pow(2, 24) &&
      sum(concat([0], [for cidr in var.client_cidrs : pow(2, 32 - tonumber(split("/", cidr)[1])) if strcontains(cidr, ":")])) <= 1,
      true
    )
    error_message = "client_cidrs: a system of grade 3 or higher is reached through its gateway; name the gateway's range: together no more than a /8 (IPv6: a /32)."
  }
}

variable "skip_links" {
  description = "Peers of links that the network's own people open, since a security group cannot: addresses that are names, links without a port."
  type        = list(string)
  default     = []

  validation {
    condition = alltrue([
      for link in var.links : link.address == null || contains(var.skip_links, link.peer) ||
      can(cidrhost("${link.address}/${strcontains(link.address, ":") ? 128 : 32}", 0))
    ])
    error_message = "links: a security group knows addresses, not names: ${join(", ", [
      for link in var.links : "${link.peer} (${link.address})" if link.address != null && !contains(var.skip_links, link.peer) &&
      !can(cidrhost("${link.address}/${strcontains(link.address, ":") ? 128 : 32}", 0))
    ])}. Give the address, or name the peer in skip_links and have it opened by hand."
  }
  validation {
    condition     = alltrue([for link in var.links : link.address == null || link.port != null || contains(var.skip_links, link.peer)])
    error_message = "links: without a port every port would be open: ${join(", ", [for link in var.links : link.peer if link.address != null && link.port == null && !contains(var.skip_links, link.peer)])}. Give the port, or name the peer in skip_links and have it opened by hand."
  }
  validation {
    condition     = alltrue([for link in var.links : link.port == null || contains(var.skip_links, link.peer) ? true : link.port >= 1 && link.port <= 65535 && floor(link.port) == link.port])
    error_message = "links: a port is 1 to 65535."
  }
}

variable "dns_cidrs" {
  description = "Name servers that the servers may ask (UDP and TCP 53)."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.dns_cidrs : can(cidrhost(cidr, 0))])
    error_message = "dns_cidrs: address ranges, for example [\"10.0.0.53/32\"]."
  }
}

variable "time_cidrs" {
  description = "Time servers that the servers may ask (UDP 123)."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.time_cidrs : can(cidrhost(cidr, 0))])
    error_message = "time_cidrs: address ranges, for example [\"10.0.0.123/32\"]."
  }
}

variable "package_cidrs" {
  description = "Package mirrors that the servers may reach (TCP 80 and 443)."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.package_cidrs : can(cidrhost(cidr, 0))])
    error_message = "package_cidrs: address ranges, for example [\"10.0.0.80/32\"]."
  }
}

variable "metadata_service" {
  description = "Whether the servers may ask the cloud's metadata service; they have a config drive in any case."
  type        = bool
  default     = true
}
