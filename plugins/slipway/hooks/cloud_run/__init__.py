"""Cloud Run: revisions, traffic splits, leases."""
