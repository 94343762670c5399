WITH runs AS (
    SELECT distinct_id, coalesce(anyIf(properties.config.base_model, event = 'start'), 'unknown') AS model,
        anyIf(toInt(properties.config.sequence_len), event = 'start') AS sequence_len,
        coalesce(anyIf(properties.config.adapter, event = 'start'), 'full') AS adapter,
        round(JSONExtractFloat(anyIf(properties.accelerator_info, event = 'start'), 1, 'memory') / 1073741824) AS gpu_gib,
        anyIf(properties.verdict.kind, event = 'finish') AS verdict
    FROM events
    WHERE event IN ('start', 'finish') AND properties.$lib = 'axolotl-run' AND timestamp > now() - INTERVAL 30 DAY
    GROUP BY distinct_id
    HAVING countIf(event = 'start') > 0
)
SELECT model, sequence_len, adapter, gpu_gib, countIf(verdict = 'oom_gpu') AS out_of_memory, count() AS runs,
    round(100 * countIf(verdict = 'oom_gpu') / count(), 1) AS percent
FROM runs
WHERE gpu_gib > 0
GROUP BY model, sequence_len, adapter, gpu_gib
HAVING out_of_memory > 0
ORDER BY out_of_memory DESC, model, sequence_len, adapter, gpu_gib
LIMIT 100
