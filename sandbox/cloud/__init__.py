"""Stand-ins for the Google Cloud services the project uses, served to the official clients."""
