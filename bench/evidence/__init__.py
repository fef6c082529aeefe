"""Releases whose evidence arrives oddly, over a truth that is known."""
