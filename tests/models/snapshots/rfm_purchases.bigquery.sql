/* One row a purchase that counts: made, not deleted since; its day in UTC; its person as known today. */
SELECT
  conversions.conversion_id,
  conversions.connector,
  conversions.source_stream,
  conversions.user_id,
  COALESCE(person_current.current_id, record_person.person_id, conversions.global_customer_id) AS person_id,
  CAST(TIMESTAMP(DATETIME(conversions.`timestamp`, 'UTC')) AS DATE) AS day,
  conversions.value,
  conversions.currency
FROM `growthnav_shop`.`conversions` AS conversions
LEFT JOIN (
  /* Whose each record is since the last reconcile; records that came later are not here. */
  SELECT
    source_system AS connector,
    source_key AS record_id,
    MIN(global_customer_id) AS person_id
  FROM `growthnav_shop`.`identity_map` AS identity_map
  WHERE
    valid_to IS NULL AND _sdc_deleted_at IS NULL AND LENGTH(source_key) = 32
  GROUP BY
    source_system,
    source_key
) AS record_person /* source: record_person */
  ON record_person.connector = conversions.connector
  AND record_person.record_id = conversions.conversion_id
LEFT JOIN `growthnav_shop`.`person_current` AS person_current
  ON person_current.person_id = COALESCE(record_person.person_id, conversions.global_customer_id)
WHERE
  conversions.conversion_type = 'purchase'
  AND NOT COALESCE(conversions.is_deleted, FALSE)
  AND conversions._sdc_deleted_at IS NULL
