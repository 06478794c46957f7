"""The client protocol's frames and the row format that gateway, stand-ins and load generator share."""
