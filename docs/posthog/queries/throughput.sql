WITH runs AS (
    SELECT distinct_id,
        coalesce(nullIf(JSONExtractString(anyIf(properties.accelerator_info, event = 'start'), 1, 'name'), ''), 'none') AS gpu,
        avgIf(toFloat(properties.`tokens/train_per_sec_per_gpu`), event = 'progress') AS tokens_per_second
    FROM events
    WHERE event IN ('start', 'progress') AND properties.$lib = 'axolotl-run' AND timestamp > now() - INTERVAL 30 DAY
    GROUP BY distinct_id
    HAVING countIf(event = 'start') > 0
)
SELECT gpu, count() AS runs, round(quantile(0.1)(tokens_per_second)) AS slowest_tenth,
    round(quantile(0.5)(tokens_per_second)) AS median, round(quantile(0.9)(tokens_per_second)) AS fastest_tenth
FROM runs
WHERE tokens_per_second > 0
GROUP BY gpu
ORDER BY median DESC
