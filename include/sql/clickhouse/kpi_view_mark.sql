SELECT comment FROM system.tables WHERE database = currentDatabase() AND name = 'kpi'
