"""Prometheus and Google's PromQL: queries, readings, bucket edges."""
