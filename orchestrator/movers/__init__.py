"""One folder for each kind of part: what copies it, keeps it in step, fences it, compares it."""
