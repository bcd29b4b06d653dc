# A broker of Sluice. Built in two stages: the image has neither compiler nor sources.
#
#   docker build -t sluice .
#   docker run -p 8080:8080 -v sluice:/var/lib/sluice -e SLUICE_BOOTSTRAP_API_KEY=root.$(openssl rand -hex 24) sluice
#
# Several brokers: compose.yaml, docs/operating/cluster.md.

ARG NODE=node:22-bookworm-slim

FROM ${NODE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
COPY libs/client/package.json libs/client/
RUN npm ci --no-audit --no-fund
COPY nest-cli.json tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY libs libs
COPY apps apps
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM ${NODE}
ENV NODE_ENV=production \
    SLUICE_HOST=0.0.0.0 \
    SLUICE_AUTH=on \
    SLUICE_PORT=8080 \
    SLUICE_DATA_DIR=/var/lib/sluice
WORKDIR /opt/sluice
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
# A named volume takes over who owns this directory.
RUN mkdir -p /var/lib/sluice && chown node:node /var/lib/sluice
USER node
VOLUME /var/lib/sluice
# The public listener; the private one of a cluster is where SLUICE_CLUSTER_PORT says.
EXPOSE 8080
# Ready: the logs are recovered, and it serves or forwards. Recovery of a large log takes its time.
HEALTHCHECK --interval=5s --timeout=3s --start-period=120s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.SLUICE_PORT}/health/ready`).then(({ok}) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Node itself is process 1 and takes SIGTERM: it hands leaderships over, flushes and ends with 0. Give
# it longer than SLUICE_STOP_TIMEOUT_MS (30 s) before it is killed.
ENTRYPOINT ["node", "dist/apps/gateway/main.js"]
