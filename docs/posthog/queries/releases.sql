SELECT coalesce(properties.axolotl_version, 'unknown') AS version, count(DISTINCT distinct_id) AS runs,
    uniqExactIf(distinct_id, timestamp > now() - INTERVAL 7 DAY) AS runs_of_last_week,
    formatDateTime(max(timestamp), '%Y-%m-%d') AS last_seen
FROM events
WHERE event = 'start' AND properties.$lib = 'axolotl-run' AND timestamp > now() - INTERVAL 30 DAY
GROUP BY version
ORDER BY runs DESC, version
