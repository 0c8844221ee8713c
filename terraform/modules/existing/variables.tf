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

# ---- this module's own

variable "machines" {
  description = "Machines that stand already, by name, from the cloud site's `servers` in sites.yaml. The engine fills it."
  type = map(object({
    address  = string
    ssh_user = optional(string, "root")
    ssh_port = optional(number, 22)
    become   = optional(string)
    manager  = optional(string)
    root     = optional(string)
    python   = optional(string)
  }))

  validation {
    condition     = length(setsubtract(keys(var.servers), keys(var.machines))) == 0
    error_message = "machines: none stands under the name ${join(", ", setsubtract(keys(var.servers), keys(var.machines)))}; add it to `servers` of the cloud's site in sites.yaml, or name another as the host's `target`."
  }
  validation {
    condition     = length(distinct([for machine in values(var.machines) : "${machine.address}:${machine.ssh_port}"])) == length(var.machines)
    error_message = "machines: two of them have the same address and port."
  }
}
