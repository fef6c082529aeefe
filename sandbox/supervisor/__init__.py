"""Starts, supervises and stops the sandbox's processes: their order, readiness, ports, records and end."""
