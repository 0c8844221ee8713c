# Two servers for the citizen portal. Credentials: export OS_CLOUD=…

module "portal" {
  source = "../.."

  system_id        = "citizen-portal"
  protection_grade = 3
  servers = {
    portal-app-cloud = { zone = "government_extranet", vcpus = 2, memory_gb = 4, ports = [8001, 8002] }
    portal-db-cloud  = { zone = "government_extranet", vcpus = 2, memory_gb = 4 }
  }
  links = [{ peer = "provincial-exchange", direction = "both", address = "10.9.0.7", port = 8443 }]

  networks     = { government_extranet = "gov-ext" }
  admin_cidrs  = ["10.1.0.0/24"]
  client_cidrs = ["10.2.0.10/32"]
}

output "servers" {
  value = module.portal.servers
}
