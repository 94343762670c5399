WITH runs AS (
    SELECT distinct_id, coalesce(anyIf(properties.verdict.kind, event = 'finish'), 'no end yet') AS verdict,
        anyIf(properties.verdict.confidence, event = 'finish') AS confidence,
        anyIf(toFloat(properties.total_time_seconds), event = 'finish') AS seconds,
        anyIf(toFloat(properties.accelerator_count), event = 'start') AS gpus
    FROM events
    WHERE event IN ('start', 'finish') AND properties.$lib = 'axolotl-run' AND timestamp > now() - INTERVAL 30 DAY
    GROUP BY distinct_id
    HAVING countIf(event = 'start') > 0
)
SELECT verdict, count() AS runs, countIf(confidence = 'high') AS surely, round(sum(seconds * gpus) / 3600) AS gpu_hours
FROM runs
GROUP BY verdict
ORDER BY runs DESC, verdict
