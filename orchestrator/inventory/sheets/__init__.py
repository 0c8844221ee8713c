"""Files of offices → tables and rows: what each sheet is, where its header stands, what its cells say."""
