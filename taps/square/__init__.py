"""tap-square: payments, refunds, orders, customers, loyalty and catalog, from Square."""
