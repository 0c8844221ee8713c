"""Services, endpoints, roles and accounts of a small cloud: run once, right after keystone's bootstrap."""

import openstack

cloud = openstack.connect(
    auth_url="http://10.70.0.1:5000/v3", username="admin", password="admin", project_name="admin",
    user_domain_name="Default", project_domain_name="Default", region_name="RegionOne",
)
identity = cloud.identity
service = identity.create_project(name="service", domain_id="default")
worker = identity.create_user(name="svc", password="svc", domain_id="default", default_project_id=service.id)
identity.assign_project_role_to_user(service, worker, identity.find_role("admin"))
identity.assign_project_role_to_user(service, worker, identity.find_role("service") or identity.create_role(name="service"))
for project, account in (("city", "migrator"), ("neighbour", "neighbour")):
    tenant = identity.create_project(name=project, domain_id="default")
    user = identity.create_user(name=account, password=account, domain_id="default", default_project_id=tenant.id)
    for role in ("member", "reader"):
        identity.assign_project_role_to_user(tenant, user, identity.find_role(role))
volumes = "http://10.70.0.1:8776/v3/%(project_id)s"
for name, kind, url in (
    ("placement", "placement", "http://10.70.0.1:8778"), ("glance", "image", "http://10.70.0.1:9292"),
    ("nova", "compute", "http://10.70.0.1:8774/v2.1"), ("neutron", "network", "http://10.70.0.1:9696"),
    ("cinder", "volumev3", volumes), ("cinder3", "block-storage", volumes),
):
    entry = identity.create_service(name=name, type=kind)
    for interface in ("public", "internal", "admin"):
        identity.create_endpoint(service_id=entry.id, interface=interface, url=url, region_id="RegionOne")
