WITH failures AS (
    SELECT distinct_id, anyIf(properties.fingerprint, event = 'error') AS fingerprint,
        anyIf(coalesce(properties.exception_type, properties.marker), event = 'error') AS failure,
        coalesce(anyIf(properties.axolotl_version, event = 'start'), 'unknown') AS version,
        arrayMap(part -> ifNull(toInt(part), 0), splitByChar('.', version)) AS numbers
    FROM events
    WHERE event IN ('start', 'error') AND properties.$lib = 'axolotl-run' AND timestamp > now() - INTERVAL 90 DAY
    GROUP BY distinct_id
    HAVING countIf(event = 'error') > 0 AND version != 'unknown'
)
SELECT fingerprint, any(failure) AS type, count() AS runs, argMin(version, numbers) AS first_release,
    arrayStringConcat(arraySort(groupUniqArray(version)), ', ') AS releases
FROM failures
GROUP BY fingerprint
ORDER BY min(numbers) DESC, runs DESC, fingerprint
LIMIT 50
