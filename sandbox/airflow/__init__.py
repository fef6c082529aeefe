"""Runs Airflow inside the sandbox: its components, environment and task logs."""
