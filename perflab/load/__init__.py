"""Load: generic locust users and shapes, open arrivals, the run of a generator, and the rows that it leaves."""
