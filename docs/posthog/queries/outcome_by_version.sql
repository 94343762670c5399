WITH runs AS (
    SELECT distinct_id, coalesce(anyIf(properties.axolotl_version, event = 'start'), 'unknown') AS version,
        anyIf(properties.outcome, event = 'finish') AS outcome
    FROM events
    WHERE event IN ('start', 'finish') AND properties.$lib = 'axolotl-run' AND timestamp > now() - INTERVAL 30 DAY
    GROUP BY distinct_id
    HAVING countIf(event = 'start') > 0
)
SELECT version, count() AS runs, countIf(outcome = 'success') AS success, countIf(outcome = 'error') AS error,
    countIf(outcome = 'signal') AS stopped, countIf(outcome = 'lost' OR outcome IS NULL) AS no_end_seen,
    round(100 * countIf(outcome = 'error') / count(), 1) AS failed_percent
FROM runs
GROUP BY version
ORDER BY runs DESC, version
