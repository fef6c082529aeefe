"""What every test may use: the shared servers."""

pytest_plugins = ["tests.servers"]
