"""Programs that a release runs: git, test suites, the load generator."""
