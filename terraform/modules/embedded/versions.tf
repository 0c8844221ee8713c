terraform {
  required_version = ">= 1.9" # validations may look at other variables
}
