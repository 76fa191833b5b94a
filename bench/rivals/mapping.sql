-- Purchases as conversions: the columns that the suite's preset `pos` fills, and what identifies the person in clear.
SELECT
  sha256('bench' || chr(31) || 'pos' || chr(31) || 'purchases' || chr(31) || purchase_id)[:32] AS conversion_id,
  'bench' AS customer_id,
  'pos' AS connector,
  'purchases' AS source_stream,
  CAST(purchase_id AS VARCHAR) AS transaction_id,
  'purchase' AS conversion_type,
  CAST(purchased_at AS TIMESTAMPTZ) AS "timestamp",
  CAST(amount AS DECIMAL(38, 9)) AS value,
  upper(currency) AS currency,
  CAST(quantity AS DECIMAL(38, 9)) AS quantity,
  product_id,
  product_name,
  product_category,
  location_id,
  location_name,
  nullif(user_id, '') AS user_id,
  nullif(gclid, '') AS gclid,
  nullif(utm_source, '') AS utm_source,
  nullif(utm_campaign, '') AS utm_campaign,
  lower(trim(nullif(email, ''))) AS email,
  regexp_replace(nullif(phone, ''), '[^0-9+]', '', 'g') AS phone
FROM purchases
