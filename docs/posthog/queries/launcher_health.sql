WITH runs AS (
    SELECT distinct_id, any(properties.$lib_version) AS version,
        countIf(toInt(properties.dropped.events_refused) > 0) > 0 AS refused,
        anyIf(properties.supervisor_lost, event = 'finish') AS supervisor_lost,
        anyIf(properties.outcome, event = 'finish') AS outcome
    FROM events
    WHERE event = 'finish' AND properties.$lib = 'axolotl-run' AND timestamp > now() - INTERVAL 30 DAY
    GROUP BY distinct_id
)
SELECT version, count() AS runs, countIf(refused) AS refused_by_the_gate, countIf(supervisor_lost IS NOT NULL) AS launcher_lost,
    countIf(outcome = 'lost') AS nobody_saw_the_end
FROM runs
GROUP BY version
ORDER BY version DESC
