# Two servers for the citizen portal, as the engine asks for them.

module "portal" {
  source = "../.."

  system_id        = "citizen-portal"
  protection_grade = 3
  city             = "/srv/checkout/.city"
  servers = {
    portal-app-cloud = { zone = "government_extranet", vcpus = 2, memory_gb = 4, ports = [8001, 8002] }
    portal-db-cloud  = { zone = "government_extranet", vcpus = 2, memory_gb = 4, ports = [5432] }
  }
  links = [{ peer = "湖北政务服务网", direction = "both" }]
}

output "servers" {
  value = module.portal.servers
}
