"""Cloud Run: its Admin API, and the processes that are its instances."""
