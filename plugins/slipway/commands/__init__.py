"""The commands of ``python -m slipway``."""
