"""PostgreSQL: the only room that knows the words slot and publication."""
