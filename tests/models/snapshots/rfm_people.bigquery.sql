/* Customer summary of each person, over all sources (see rfm_customers). Purchases of nobody known are left out. */
SELECT
  customer AS person_id,
  frequency,
  recency,
  `T`,
  monetary,
  first_purchase,
  last_purchase,
  orders,
  revenue,
  observation_end
FROM (
  /* Customer summary for each user id of a source and for each person, as `summary_data_from_transaction_data` of */
  /* lifetimes 0.11.3 defines it for freq = 'D': */
  /*   purchases of one day count as one, their values added up; */
  /*   frequency   days with a purchase after the first one (all of them when the first is included); */
  /*   recency     days from the first to the last purchase; */
  /*   T           days from the first purchase to the end of the observation; */
  /*   monetary    mean value of the days that `frequency` counts, 0 where there are none. */
  /* $observation_end             last day that counts; null: the day of the last purchase */
  /* $include_first_transaction   whether the first day counts in frequency and monetary */
  WITH period AS (
    SELECT
      COALESCE(CAST(@observation_end AS DATE), MAX(day)) AS last_day
    FROM `growthnav_shop`.`rfm_purchases` AS rfm_purchases
  ), customers AS (
    SELECT
      'user' AS level,
      connector,
      user_id AS customer,
      day,
      value
    FROM `growthnav_shop`.`rfm_purchases` AS rfm_purchases
    WHERE
      NOT user_id IS NULL
    UNION ALL
    SELECT
      'person' AS level,
      CAST(NULL AS STRING) AS connector,
      person_id AS customer,
      day,
      value
    FROM `growthnav_shop`.`rfm_purchases` AS rfm_purchases
    WHERE
      NOT person_id IS NULL
  ), days AS (
    SELECT
      customers.level,
      customers.connector,
      customers.customer,
      customers.day,
      period.last_day,
      SUM(customers.value) AS value,
      COUNT(*) AS orders,
      CAST(@include_first_transaction AS BOOL)
      OR customers.day > MIN(customers.day) OVER (PARTITION BY customers.level, customers.connector, customers.customer) AS counts
    FROM customers
    CROSS JOIN period
    WHERE
      customers.day <= period.last_day
    GROUP BY
      customers.level,
      customers.connector,
      customers.customer,
      customers.day,
      period.last_day
  )
  SELECT
    level,
    connector,
    customer,
    COUNT(CASE WHEN counts THEN day END) AS frequency,
    DATE_DIFF(MAX(day), MIN(day), DAY) AS recency,
    DATE_DIFF(last_day, MIN(day), DAY) AS `T`,
    COALESCE(
      CAST(SUM(CASE WHEN counts THEN value END) AS FLOAT64) / NULLIF(COUNT(CASE WHEN counts THEN day END), 0),
      0
    ) AS monetary,
    MIN(day) AS first_purchase,
    MAX(day) AS last_purchase,
    CAST(SUM(orders) AS INT64) AS orders,
    SUM(value) AS revenue,
    last_day AS observation_end
  FROM days
  GROUP BY
    level,
    connector,
    customer,
    last_day
) AS rfm_customers /* source: rfm_customers */
WHERE
  level = 'person'
