"""The report of a release: made from its record at its end, kept as a page and as JSON."""
