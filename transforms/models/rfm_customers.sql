-- Customer summary for each user id of a source and for each person, as `summary_data_from_transaction_data` of
-- lifetimes 0.11.3 defines it for freq = 'D':
--   purchases of one day count as one, their values added up;
--   frequency   days with a purchase after the first one (all of them when the first is included);
--   recency     days from the first to the last purchase;
--   T           days from the first purchase to the end of the observation;
--   monetary    mean value of the days that `frequency` counts, 0 where there are none.
-- $observation_end             last day that counts; null: the day of the last purchase
-- $include_first_transaction   whether the first day counts in frequency and monetary
WITH period AS (
  SELECT COALESCE(CAST($observation_end AS DATE), MAX(day)) AS last_day
  FROM rfm_purchases
), customers AS (
  SELECT 'user' AS level, connector, user_id AS customer, day, value
  FROM rfm_purchases
  WHERE user_id IS NOT NULL
  UNION ALL
  SELECT 'person' AS level, CAST(NULL AS TEXT) AS connector, person_id AS customer, day, value
  FROM rfm_purchases
  WHERE person_id IS NOT NULL
), days AS (
  SELECT
    customers.level,
    customers.connector,
    customers.customer,
    customers.day,
    period.last_day,
    SUM(customers.value) AS value,
    COUNT(*) AS orders,
    CAST($include_first_transaction AS BOOLEAN)
      OR customers.day > MIN(customers.day) OVER (PARTITION BY customers.level, customers.connector, customers.customer)
      AS counts
  FROM customers
  CROSS JOIN period
  WHERE customers.day <= period.last_day
  GROUP BY customers.level, customers.connector, customers.customer, customers.day, period.last_day
)
SELECT
  level,
  connector,
  customer,
  COUNT(CASE WHEN counts THEN day END) AS frequency,
  DATE_DIFF('day', MIN(day), MAX(day)) AS recency,
  DATE_DIFF('day', MIN(day), last_day) AS "T",
  COALESCE(
    CAST(SUM(CASE WHEN counts THEN value END) AS DOUBLE) / NULLIF(COUNT(CASE WHEN counts THEN day END), 0), 0
  ) AS monetary,
  MIN(day) AS first_purchase,
  MAX(day) AS last_purchase,
  CAST(SUM(orders) AS BIGINT) AS orders,
  SUM(value) AS revenue,
  last_day AS observation_end
FROM days
GROUP BY level, connector, customer, last_day
