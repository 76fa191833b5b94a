-- Customer summary of each person, over all sources (see rfm_customers). Purchases of nobody known are left out.
SELECT
  customer AS person_id,
  frequency, recency, "T", monetary, first_purchase, last_purchase, orders, revenue, observation_end
FROM rfm_customers
WHERE level = 'person'
