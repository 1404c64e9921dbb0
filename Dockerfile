# The service. It listens on loopback within its container; dashboards/compose.yml says how spans get in.
# Debian, not Alpine: DuckDB's binaries are for glibc.
FROM node:24.21.0-bookworm-slim

WORKDIR /app
# Dependencies first: they change less often than the sources.
COPY package.json package-lock.json ./
COPY collector/package.json collector/
COPY dashboards/package.json dashboards/
COPY packages/semconv/package.json packages/semconv/
COPY packages/metering/package.json packages/metering/
COPY packages/pgwire/package.json packages/pgwire/
COPY packages/instrumentation/package.json packages/instrumentation/
# `install` and not `ci`: the lock file leaves out what only other platforms need, which `ci` takes for a mistake.
# Without scripts: those of our packages build what is published, and nothing else that is installed needs one.
RUN npm install --omit=dev --ignore-scripts --no-audit --no-fund \
      --workspace @spanledger/collector --workspace @spanledger/metering --workspace @spanledger/pgwire \
      --workspace @spanledger/semconv && npm cache clean --force

COPY packages packages
COPY collector collector
COPY dashboards/compose dashboards/compose

RUN mkdir /data && chown node:node /data
USER node
ENV NODE_ENV=production SPANLEDGER_DATA_DIR=/data SPANLEDGER_CONFIG=/data/spanledger.yaml
VOLUME /data
ENTRYPOINT ["node", "--conditions=@spanledger/source", "--v8-pool-size=1", "collector/src/main.ts"]
CMD ["start"]
