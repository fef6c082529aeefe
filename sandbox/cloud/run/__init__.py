"""Cloud Run: its Admin API v2 and the processes that are its instances.

Documented behaviour that lives here: validation with Google's messages, immutable revisions, etags,
conditions, traffic targets and tags, minimum and maximum instances, start-up and shutdown of containers.
"""
