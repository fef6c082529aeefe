-- The day's KPIs: the rows of every query in kpi/daily, in one statement and so in one part of the table.
-- Grain:      one row per KPI and dimension.
-- Source:     this run's totals and extracts.
INSERT INTO {{ kpi_daily }} (* EXCEPT product)
{{ union_all('kpi/daily') }}
