terraform {
  required_version = ">= 1.9" # validations look at other variables

  required_providers {
    openstack = {
      source  = "terraform-provider-openstack/openstack"
      version = "~> 3.0"
    }
  }
}
