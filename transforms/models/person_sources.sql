-- Which sources know a person, and through how many records.
WITH records AS (
  SELECT connector, conversion_id AS record_id, global_customer_id
  FROM conversions
  WHERE NOT COALESCE(is_deleted, FALSE) AND _sdc_deleted_at IS NULL
  UNION ALL
  SELECT connector, profile_id AS record_id, global_customer_id
  FROM customer_profiles
  WHERE NOT COALESCE(is_deleted, FALSE) AND _sdc_deleted_at IS NULL
), known AS (
  SELECT records.connector, COALESCE(record_person.person_id, records.global_customer_id) AS person_id
  FROM records
  LEFT JOIN record_person
    ON record_person.connector = records.connector AND record_person.record_id = records.record_id
)
SELECT
  COALESCE(person_current.current_id, known.person_id) AS person_id,
  known.connector,
  COUNT(*) AS records
FROM known
LEFT JOIN person_current ON person_current.person_id = known.person_id
WHERE NOT known.person_id IS NULL
GROUP BY COALESCE(person_current.current_id, known.person_id), known.connector
