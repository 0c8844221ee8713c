"""The guard and the probe: processes of their own around the moment of the switch."""
