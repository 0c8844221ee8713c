"""MariaDB: moved by GTID replication each way."""
