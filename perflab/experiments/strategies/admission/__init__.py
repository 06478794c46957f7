"""Who comes to a system that has more to do than it can: let in to wait, or refused at the door."""
