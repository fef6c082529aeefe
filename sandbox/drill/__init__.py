"""The drill: what people and bad luck do to a release, and what came of each."""
