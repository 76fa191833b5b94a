"""tap-stripe: payments, customers and what they bought, from Stripe."""
