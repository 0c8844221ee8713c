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

variable "city" {
  description = "Absolute path of the embedded city's folder."
  type        = string

  validation {
    condition     = startswith(var.city, "/")
    error_message = "city: an absolute path, for example /srv/checkout/.city."
  }
}

variable "address_range" {
  description = "Where servers get their addresses: a hash of the name picks one; the first 16 are left to gateways."
  type        = string
  default     = "127.20.128.0/17"

  validation {
    condition     = can(cidrhost(var.address_range, 0)) && startswith(var.address_range, "127.") && tonumber(split("/", var.address_range)[1]) <= 26
    error_message = "address_range: a range of loopback addresses of /26 or larger, for example 127.20.128.0/17."
  }
}

variable "addresses" {
  description = "Addresses by server name, where the hashed one must not be taken."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for address in values(var.addresses) : can(regex("^127\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}$", address))])
    error_message = "addresses: loopback addresses, for example {portal-app-cloud = \"127.20.128.40\"}."
  }
}

variable "ssh_port" {
  description = "Port of each server's sshd."
  type        = number
  default     = 2222
}

variable "ssh_user" {
  description = "Account on the servers: the embedded city has one, that of who runs it."
  type        = string
  default     = "root"
}

variable "python" {
  description = "Python interpreter on the servers."
  type        = string
  default     = null
}

variable "program" {
  description = "What creates and deletes servers, as an argv. Called with: create|delete --city FOLDER --name NAME [--address ADDRESS --port PORT]."
  type        = list(string)
  default     = ["python3", "-m", "orchestrator.embedded.cloud"]
}
