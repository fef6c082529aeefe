-- Airflow's own database, beside the ledger's; run once, when the volume is new.
CREATE DATABASE airflow;
