"""What runs inside the load process. A folder of its own: locust puts it first on the module path while it loads."""
