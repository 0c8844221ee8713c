"""Databases that only their vendor moves: what is asked of the vendor's own client, and what its output must show."""
