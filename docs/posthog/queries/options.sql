SELECT arrayJoin(JSONExtractKeys(coalesce(properties.config, '{}'))) AS option, count(DISTINCT distinct_id) AS runs
FROM events
WHERE event = 'start' AND properties.$lib = 'axolotl-run' AND timestamp > now() - INTERVAL 30 DAY
GROUP BY option
ORDER BY runs DESC, option
LIMIT 500
