WITH runs AS (
    SELECT distinct_id, anyIf(properties.outcome, event = 'finish') AS outcome,
        maxIf(toFloat(properties.step) / toFloat(properties.total_steps), event = 'progress') AS share
    FROM events
    WHERE event IN ('start', 'progress', 'finish') AND properties.$lib = 'axolotl-run'
        AND timestamp > now() - INTERVAL 30 DAY
    GROUP BY distinct_id
    HAVING countIf(event = 'start') > 0
)
SELECT multiIf(outcome = 'success', '5 success', share IS NULL, '1 no step', share < 0.1, '2 first tenth',
        share < 0.5, '3 first half', '4 second half') AS reached, count() AS runs
FROM runs
GROUP BY reached
ORDER BY reached
