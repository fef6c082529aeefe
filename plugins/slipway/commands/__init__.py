"""The commands of ``python -m slipway``, a module each."""
