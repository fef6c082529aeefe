"""HAProxy in front of the revisions, its log and its metrics."""
