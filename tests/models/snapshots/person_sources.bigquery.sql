/* Which sources know a person, and through how many records. */
WITH records AS (
  SELECT
    connector,
    conversion_id AS record_id,
    global_customer_id
  FROM `growthnav_shop`.`conversions` AS conversions
  WHERE
    NOT COALESCE(is_deleted, FALSE) AND _sdc_deleted_at IS NULL
  UNION ALL
  SELECT
    connector,
    profile_id AS record_id,
    global_customer_id
  FROM `growthnav_shop`.`customer_profiles` AS customer_profiles
  WHERE
    NOT COALESCE(is_deleted, FALSE) AND _sdc_deleted_at IS NULL
), known AS (
  SELECT
    records.connector,
    COALESCE(record_person.person_id, records.global_customer_id) AS person_id
  FROM records
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
    ON record_person.connector = records.connector
    AND record_person.record_id = records.record_id
)
SELECT
  COALESCE(person_current.current_id, known.person_id) AS person_id,
  known.connector,
  COUNT(*) AS records
FROM known
LEFT JOIN `growthnav_shop`.`person_current` AS person_current
  ON person_current.person_id = known.person_id
WHERE
  NOT known.person_id IS NULL
GROUP BY
  COALESCE(person_current.current_id, known.person_id),
  known.connector
