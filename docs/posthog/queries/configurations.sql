WITH settings AS (
    SELECT distinct_id, arrayJoin(JSONExtractKeysAndValuesRaw(coalesce(any(properties.config), '{}'))) AS setting
    FROM events
    WHERE event = 'start' AND properties.$lib = 'axolotl-run' AND timestamp > now() - INTERVAL 30 DAY
    GROUP BY distinct_id
)
SELECT setting.1 AS option, replaceAll(setting.2, '"', '') AS value, count() AS runs
FROM settings
WHERE option IN ('adapter', 'base_model', 'optimizer', 'lr_scheduler', 'rl', 'sample_packing', 'sequence_len',
    'micro_batch_size', 'bf16', 'load_in_4bit', 'flash_attention', 'gradient_checkpointing')
GROUP BY option, value
ORDER BY option, runs DESC, value
LIMIT 100
