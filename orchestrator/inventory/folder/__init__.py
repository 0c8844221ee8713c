"""The inventory folder: what an import changes in it, where each value came from, how it is written."""
