"""A whole machine that is carried: what runs on it, where its addresses are written, what of it is backed up cold."""
