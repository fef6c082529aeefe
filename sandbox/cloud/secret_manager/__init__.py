"""Secret Manager v1.

Documented behaviour that lives here: versions and their states, aliases, etags, CRC32C checksums.
"""
