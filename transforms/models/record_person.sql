-- Whose each record is since the last reconcile; records that came later are not here.
SELECT source_system AS connector, source_key AS record_id, MIN(global_customer_id) AS person_id
FROM identity_map
WHERE valid_to IS NULL AND _sdc_deleted_at IS NULL AND LENGTH(source_key) = 32
GROUP BY source_system, source_key
