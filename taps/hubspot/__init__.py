"""tap-hubspot: people, companies and deals of a HubSpot account."""
