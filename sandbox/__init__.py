"""A local cloud on loopback: everything a release touches, as real processes on one machine."""
