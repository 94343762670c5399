SELECT properties.fingerprint AS fingerprint, any(coalesce(properties.exception_type, properties.marker)) AS failure,
    any(properties.meaning) AS meaning, count(DISTINCT distinct_id) AS runs,
    formatDateTime(max(timestamp), '%Y-%m-%d') AS last_seen, any(properties.stack_trace) AS traceback
FROM events
WHERE event = 'error' AND properties.$lib = 'axolotl-run' AND timestamp > now() - INTERVAL 30 DAY
GROUP BY fingerprint
ORDER BY runs DESC, fingerprint
LIMIT 50
