"""What MySQL, MariaDB, TiDB and OceanBase (in its MySQL mode) have in common: protocol, catalog, log, SQL."""
