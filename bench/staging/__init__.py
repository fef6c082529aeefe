"""How surely staging catches each fault of the platform, and lets a sound version pass."""
