"""The statistical tests that the judges rest on."""
