"""The steps of a release, below the operators."""
