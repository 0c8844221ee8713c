"""Shipped mappings of other people's tables, one file each: which header is which field, in which unit, and what its words mean."""
