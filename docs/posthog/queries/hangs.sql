WITH runs AS (
    SELECT distinct_id, coalesce(anyIf(properties.launcher, event = 'start'), 'none') AS launcher,
        coalesce(anyIf(toInt(properties.nodes), event = 'start'), 1) AS nodes,
        countIf(toFloat(properties.stalled_seconds) > 0) > 0 AS stood_still,
        countIf(toInt(properties.suspect_rank) >= 0) > 0 AS has_a_suspect,
        anyIf(properties.verdict.kind, event = 'finish') AS verdict
    FROM events
    WHERE event IN ('start', 'progress', 'finish') AND properties.$lib = 'axolotl-run'
        AND timestamp > now() - INTERVAL 30 DAY
    GROUP BY distinct_id
    HAVING countIf(event = 'start') > 0
)
SELECT launcher, nodes, count() AS runs, countIf(stood_still) AS runs_that_stood_still, countIf(verdict = 'hang') AS hung,
    countIf(stood_still AND verdict = 'success') AS recovered, countIf(has_a_suspect) AS with_a_suspect
FROM runs
GROUP BY launcher, nodes
ORDER BY runs_that_stood_still DESC, launcher, nodes
