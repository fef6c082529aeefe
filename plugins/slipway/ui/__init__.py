"""The Release page inside the Airflow UI: what the ledger and the reviewed targets say, to be read."""
