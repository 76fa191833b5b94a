-- One row a purchase that counts: made, not deleted since; its day in UTC; its person as known today.
SELECT
  conversions.conversion_id,
  conversions.connector,
  conversions.source_stream,
  conversions.user_id,
  COALESCE(person_current.current_id, record_person.person_id, conversions.global_customer_id) AS person_id,
  CAST(conversions."timestamp" AT TIME ZONE 'UTC' AS DATE) AS day,
  conversions.value,
  conversions.currency
FROM conversions
LEFT JOIN record_person
  ON record_person.connector = conversions.connector AND record_person.record_id = conversions.conversion_id
LEFT JOIN person_current
  ON person_current.person_id = COALESCE(record_person.person_id, conversions.global_customer_id)
WHERE conversions.conversion_type = 'purchase'
  AND NOT COALESCE(conversions.is_deleted, FALSE)
  AND conversions._sdc_deleted_at IS NULL
