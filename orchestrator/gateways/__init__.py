"""What holds and redirects clients: PgBouncer, HAProxy."""
