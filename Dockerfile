# Berth as an image: Node of the base, Berth's sources, and the files of node_modules that they need (docs/deploy.md).
#
#   docker build -t berth .
#   docker build -t berth --build-arg BASE=registry.example/node:26 --secret id=npmrc,src=$HOME/.npmrc .
#
# BASE needs Node 24 or newer as `node` in PATH; BUILD_BASE npm and a shell beside it.
ARG BASE=docker.io/library/node:26-trixie-slim
ARG BUILD_BASE=${BASE}

FROM ${BUILD_BASE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# Development packages are for this stage alone; the tracer that finds what the image needs is one. No package's script is run.
RUN --mount=type=cache,target=/build/npm-cache \
    --mount=type=secret,id=npmrc,target=/build/npmrc \
    NPM_CONFIG_CACHE=/build/npm-cache NPM_CONFIG_USERCONFIG=/build/npmrc npm ci --omit=optional --ignore-scripts
COPY LICENSE ./
COPY build build
COPY src src
ARG REVISION=unknown
RUN node build/image.ts /berth "${REVISION}" && mkdir -p /empty bin && ln -s /berth/src/main.ts bin/berth
# Compiled code, kept from here on since nothing can be written later: a start takes half the time. Node looks for it under the user's own id.
# Every source: for a single one that is not there Node loads its whole stripper of types, 60 ms and 15 MB.
ENV NODE_COMPILE_CACHE=/berth/compile-cache
RUN mkdir /berth/compile-cache && chown 65532:65532 /berth/compile-cache
USER 65532:65532
RUN node --input-type=module --eval "import { globSync } from 'node:fs'; for (const file of globSync('/berth/src/**/*.ts')) if (file !== '/berth/src/main.ts') await import(file)" \
    && node /berth/src/main.ts --version \
    && { node /berth/healthcheck.ts || echo 'nothing runs here'; } \
    && chmod -R a+rX /berth/compile-cache
USER 0:0
RUN chown -R 0:0 /berth

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ARG BASE
LABEL org.opencontainers.image.title="Berth" \
      org.opencontainers.image.description="OCI registry reverse proxy that gives any registry dedicated data endpoints" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${BASE}"
# Nothing is run in this stage, so that BASE needs no shell.
COPY --from=build /berth /berth
COPY --from=build /build/bin/ /usr/local/bin/
# Where something is written; a read-only root needs a volume or a tmpfs at those in use.
COPY --from=build --chown=65532:65532 /empty/ /var/lib/berth/
COPY --from=build --chown=65532:65532 /empty/ /var/cache/berth/
COPY --from=build --chown=65532:65532 /empty/ /run/berth/
COPY --from=build /empty/ /etc/berth/
# Two arenas: glibc would keep one per core and thread, and give little of them back. Transfer buffers are mapped, so that one that is
# let go leaves no hole. V8 would grow its nursery to 48 MiB, which a proxy of bytes does not need.
ENV NODE_ENV=production \
    NODE_COMPILE_CACHE=/berth/compile-cache \
    MALLOC_ARENA_MAX=2 \
    MALLOC_MMAP_THRESHOLD_=131072 \
    NODE_OPTIONS=--max-semi-space-size=2 \
    HOME=/var/lib/berth
WORKDIR /var/lib/berth
USER 65532:65532
EXPOSE 443 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["node", "/berth/healthcheck.ts"]
ENTRYPOINT ["node", "/berth/src/main.ts"]
CMD ["serve"]
