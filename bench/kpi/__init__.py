"""What the KPI rollup costs, beside the bare engine and the usual ways of moving rows."""
