-- Which sources know a person, and through how many records.
WITH records AS (
  SELECT connector, global_customer_id
  FROM conversions
  WHERE NOT COALESCE(is_deleted, FALSE) AND _sdc_deleted_at IS NULL
  UNION ALL
  SELECT connector, global_customer_id
  FROM customer_profiles
  WHERE NOT COALESCE(is_deleted, FALSE) AND _sdc_deleted_at IS NULL
)
SELECT
  COALESCE(person_current.current_id, records.global_customer_id) AS person_id,
  records.connector,
  COUNT(*) AS records
FROM records
LEFT JOIN person_current ON person_current.person_id = records.global_customer_id
WHERE NOT records.global_customer_id IS NULL
GROUP BY COALESCE(person_current.current_id, records.global_customer_id), records.connector
