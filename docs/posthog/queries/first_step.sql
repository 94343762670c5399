WITH runs AS (
    SELECT distinct_id, coalesce(anyIf(properties.axolotl_version, event = 'start'), 'unknown') AS version,
        minIf(toFloat(properties.elapsed_time), event = 'progress') AS seconds
    FROM events
    WHERE event IN ('start', 'progress') AND properties.$lib = 'axolotl-run' AND timestamp > now() - INTERVAL 30 DAY
    GROUP BY distinct_id
    HAVING countIf(event = 'start') > 0
)
SELECT version, count() AS runs, countIf(seconds IS NULL) AS without_a_step,
    round(quantile(0.5)(seconds)) AS median_seconds, round(quantile(0.9)(seconds)) AS slowest_tenth_seconds
FROM runs
GROUP BY version
ORDER BY runs DESC, version
