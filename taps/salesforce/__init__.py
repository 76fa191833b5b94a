"""tap-salesforce: objects of a Salesforce organisation."""
