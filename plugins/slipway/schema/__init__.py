"""What a migration declares, and what is due."""
