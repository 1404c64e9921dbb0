#!/bin/sh
# Makes the configuration of the service in the volume, or gives its user another password: beyond loopback the SQL port
# needs a user. What else is in the file stays as it is.
set -eu
spanledger="node --conditions=@spanledger/source collector/src/main.ts --config $SPANLEDGER_CONFIG"
printf '%s\n' "$SPANLEDGER_SQL_PASSWORD" | $spanledger user add grafana --role analyst --replace
# After the user, without whom this line is refused.
grep -q '^listen:' "$SPANLEDGER_CONFIG" || printf 'listen: { sql_host: 0.0.0.0 }\n' >>"$SPANLEDGER_CONFIG"
