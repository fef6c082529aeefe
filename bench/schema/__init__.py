"""Migrating a table under load: with the release's own hook, and in the naive way."""
