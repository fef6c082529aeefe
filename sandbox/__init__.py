"""A local cloud on loopback: everything that a release touches, as real processes on one machine.

The product never imports it: it is reached through Airflow connections alone.
"""
