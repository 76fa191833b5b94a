"""tap-shopify: orders with lines and refunds, customers, products, locations and abandoned checkouts, from Shopify."""
