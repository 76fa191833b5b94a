"""tap-mysql: MySQL and MariaDB."""
