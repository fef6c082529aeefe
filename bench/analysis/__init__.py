"""Slipway's analysis and its peers on the same simulated traffic."""
