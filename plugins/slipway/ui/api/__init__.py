"""The read-only JSON API of the Release page: the page's only source, documented in ``docs/api.md``."""
