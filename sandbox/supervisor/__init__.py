"""Starts, watches and stops the sandbox's processes."""
