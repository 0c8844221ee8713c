"""The truth: store, chain, schema and its migrations, states, decisions."""
