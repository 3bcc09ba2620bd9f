# One image per service; docker-compose.yml names the target.
# Node's version is the one that the npm scripts and tests run on.
FROM node:24.21-slim AS build
WORKDIR /srv/tidemark
COPY . .
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund
RUN npm run build && rm -rf node_modules apps/*/src libs/*/src && chmod -R a+rX .

# What one service needs at run time: the worker gets no PostgreSQL client, the gateway nothing that reads a zip.
FROM build AS gateway-files
RUN --mount=type=cache,target=/root/.npm npm ci --workspace=apps/gateway --omit=dev --omit=optional --no-audit --no-fund

FROM build AS index-service-files
RUN --mount=type=cache,target=/root/.npm npm ci --workspace=apps/index-service --omit=dev --omit=optional --no-audit --no-fund

FROM build AS transfer-worker-files
RUN --mount=type=cache,target=/root/.npm npm ci --workspace=apps/transfer-worker --omit=dev --omit=optional --no-audit --no-fund

FROM build AS archive-depot-files
RUN --mount=type=cache,target=/root/.npm npm ci --workspace=apps/archive-depot --omit=dev --omit=optional --no-audit --no-fund

FROM node:24.21-slim AS service
ENV NODE_ENV=production
WORKDIR /srv/tidemark
STOPSIGNAL SIGTERM

FROM service AS gateway
COPY --from=gateway-files /srv/tidemark/node_modules node_modules
COPY --from=gateway-files /srv/tidemark/libs libs
COPY --from=gateway-files /srv/tidemark/apps/gateway apps/gateway
USER node
EXPOSE 8000 8001
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8000/core/health/ready').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--max-semi-space-size=4", "--max-old-space-size=192", "--optimize-for-size", "--no-maglev", "--no-concurrent-sparkplug", "apps/gateway/dist/main.js"]

FROM service AS index-service
COPY --from=index-service-files /srv/tidemark/node_modules node_modules
COPY --from=index-service-files /srv/tidemark/libs libs
COPY --from=index-service-files /srv/tidemark/apps/index-service apps/index-service
USER node
EXPOSE 8081
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8081/core/health/ready').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--max-semi-space-size=4", "--max-old-space-size=192", "--optimize-for-size", "--no-maglev", "--no-concurrent-sparkplug", "apps/index-service/dist/main.js"]

FROM service AS transfer-worker
RUN install -d -o node -g node -m 0700 /var/backup /var/spool/tidemark
COPY --from=transfer-worker-files /srv/tidemark/node_modules node_modules
COPY --from=transfer-worker-files /srv/tidemark/libs libs
COPY --from=transfer-worker-files /srv/tidemark/apps/transfer-worker apps/transfer-worker
USER node
VOLUME ["/var/backup", "/var/spool/tidemark"]
EXPOSE 8083
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8083/core/health/ready').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--max-semi-space-size=4", "--max-old-space-size=192", "--optimize-for-size", "--no-maglev", "--no-concurrent-sparkplug", "apps/transfer-worker/dist/main.js"]

FROM service AS archive-depot
RUN install -d -o node -g node -m 0700 /var/lib/tidemark-depot
COPY --from=archive-depot-files /srv/tidemark/node_modules node_modules
COPY --from=archive-depot-files /srv/tidemark/libs libs
COPY --from=archive-depot-files /srv/tidemark/apps/archive-depot apps/archive-depot
USER node
VOLUME ["/var/lib/tidemark-depot"]
EXPOSE 8082
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8082/core/health/ready').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--max-semi-space-size=4", "--max-old-space-size=192", "--optimize-for-size", "--no-maglev", "--no-concurrent-sparkplug", "apps/archive-depot/dist/main.js"]
