"""The dry run: everything that can be done without touching anything, how much of each step that was, and what it found."""
