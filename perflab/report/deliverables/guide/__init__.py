"""The parts of the strategy guide: one file each."""
