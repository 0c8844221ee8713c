# Two machines that somebody ordered for the citizen portal.

module "portal" {
  source = "../.."

  system_id        = "citizen-portal"
  protection_grade = 3
  servers = {
    vm-0412 = { zone = "government_extranet", ports = [8001, 8002] }
    vm-0413 = { zone = "government_extranet", ports = [5432] }
  }
  machines = {
    vm-0412 = { address = "10.2.4.12", ssh_user = "ops" }
    vm-0413 = { address = "10.2.4.13", ssh_user = "ops" }
  }
  links = [{ peer = "湖北政务服务网", direction = "both" }]
}

output "servers" {
  value = module.portal.servers
}
