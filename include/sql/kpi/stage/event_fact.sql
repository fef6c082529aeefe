-- The day's events: the extract without its trailer, with plan, release and phase as in usage_fact.
-- Grain:      one row per event.
-- Source:     this run's extracts.
-- Edge cases: as in usage_fact. An enquiry of somebody who is no user has user 0 and plan 'unknown'. A conversion of
--             a user who asked to be forgotten has id 0, because its id is the user's.
INSERT INTO {{ event_fact }}
(
    day, source, id, user_id, plan, revision, version, release, phase, arm, kind, quantity, of_quantity, amount,
    created_at
)
WITH
    (SELECT groupArray((began_at, ifNull(ended_at, toDateTime64('2200-01-01', 6, 'UTC')), version, phase, revision)) FROM {{ release_phase }}) AS windows,
    (SELECT groupArray((revision, version)) FROM (SELECT revision, any(version) AS version FROM {{ release_extract }} GROUP BY revision)) AS versions,
    arrayFirst(w -> event.created_at >= w.1 AND event.created_at < w.2, windows) AS found_window,
    event.revision IS NOT NULL AND found_window.4 != '' AS in_window
SELECT
    toDate(event.created_at, 'UTC') AS day,
    assumeNotNull(event.source),
    if(person.deleted AND event.id = event.user_id, toUUID('00000000-0000-0000-0000-000000000000'), assumeNotNull(event.id)),
    if(person.deleted, toUUID('00000000-0000-0000-0000-000000000000'), ifNull(event.user_id, toUUID('00000000-0000-0000-0000-000000000000'))),
    if(person.plan = '' OR person.deleted, 'unknown', person.plan),
    ifNull(event.revision, ''),
    arrayFirst(v -> v.1 = event.revision, versions).2,
    if(in_window, found_window.3, ''),
    if(in_window, found_window.4, ''),
    multiIf(NOT in_window, '', found_window.5 = event.revision, 'new', 'stable'),
    ifNull(event.kind, ''),
    event.quantity,
    event.of_quantity,
    event.amount,
    assumeNotNull(event.created_at)
FROM {{ event_extract }} AS event
LEFT JOIN {{ person_extract }} AS person ON person.id = event.user_id
WHERE event.control_rows IS NULL
