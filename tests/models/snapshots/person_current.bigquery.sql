/* Every retired person id and the person it is today, through any number of merges. */
/* A retired id never lives again and a merge leads to one that lives, so there are no circles; the bound of 500 steps, */
/* which is also BigQuery's, only keeps a damaged table from running forever. */
WITH RECURSIVE merges AS (
  SELECT DISTINCT
    from_id,
    to_id
  FROM `growthnav_shop`.`identity_merges` AS identity_merges
  WHERE
    event = 'merge' AND _sdc_deleted_at IS NULL
), steps AS (
  SELECT
    from_id AS person_id,
    to_id AS current_id,
    1 AS depth
  FROM merges
  UNION ALL
  SELECT
    steps.person_id,
    merges.to_id,
    steps.depth + 1
  FROM steps
  JOIN merges
    ON merges.from_id = steps.current_id
  WHERE
    steps.depth < 500
)
SELECT
  steps.person_id,
  MIN(steps.current_id) AS current_id
FROM steps
LEFT JOIN merges AS onward
  ON onward.from_id = steps.current_id
WHERE
  onward.from_id IS NULL
GROUP BY
  steps.person_id
