"""Rows of all files together → one inventory: who is who, what belongs together, what nobody may learn of a classified row."""
