"""The answers of the API, one frozen model each. A field is added, never renamed or removed."""
