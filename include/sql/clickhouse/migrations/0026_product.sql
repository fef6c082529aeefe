-- The days of several products, apart: a day of one is replaced without touching another's. Days from before belong to the
-- product there was. kpi_daily comes last, since the view kpi reads it and is defined anew right after.
{{ keep_products('usage_fact', 'day', '(user_id, created_at, id)') }};

{{ keep_products('event_fact', 'day', '(source, user_id, created_at, id)') }};

{{ keep_products('release_phase', 'day', '(release_id, began_at)') }};

{{ keep_products('bad_revision', 'day', '(began_at, release_id, service)') }};

{{ keep_products('usage_user_day', 'day', 'user_id') }};

{{ keep_products('subscriber_day', 'day', 'user_id') }};

{{ keep_products('source_fingerprint', 'day', 'source') }};

{{ keep_products('target_review', 'as_of', '(horizon, target)') }};

{{ keep_products('kpi_daily', 'as_of', '(kpi, dim)') }};
