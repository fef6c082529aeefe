"""Memorystore for Redis, to be read."""
