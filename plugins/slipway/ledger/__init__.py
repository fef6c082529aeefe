"""The record of a release, and what it says."""
