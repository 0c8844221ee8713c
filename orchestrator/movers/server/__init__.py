"""A whole server (整机) that is brought elsewhere by its file systems: passes while it runs, stopped, a last pass, booted there."""
