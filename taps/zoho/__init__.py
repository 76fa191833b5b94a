"""tap-zoho: leads, contacts and deals of a Zoho CRM organisation."""
