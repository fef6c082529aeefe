"""How Airflow runs inside the sandbox."""
