"""Compute Engine's backend services and serverless network endpoint groups, read only."""
