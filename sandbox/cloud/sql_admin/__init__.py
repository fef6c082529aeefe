"""Cloud SQL Admin."""
