"""The ways back: traffic, its target, and whether the schema allows it."""
