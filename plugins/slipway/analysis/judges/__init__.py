"""Pure judges, one per kind of metric."""
