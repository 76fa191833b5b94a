"""When tenants run: their schedules, for cron, systemd and Dagster."""
