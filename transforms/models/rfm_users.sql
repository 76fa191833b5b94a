-- Customer summary of each source's own customers (see rfm_customers).
SELECT
  connector, customer AS user_id,
  frequency, recency, "T", monetary, first_purchase, last_purchase, orders, revenue, observation_end
FROM rfm_customers
WHERE level = 'user'
