"""Compute Engine's load balancer resources."""
