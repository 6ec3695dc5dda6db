# The gateway with its playground page, for a root file system that is never written to.
#
#   docker build -t switchboard:0.1.0 --build-arg VERSION=0.1.0 --build-arg COMMIT="$(git rev-parse HEAD)" .
#
# The binary is built twice: once to learn under load what is often done, with a PostgreSQL and a Redis of its own, and once with what was
# learnt (docs/adr/0019). --build-arg PGO=no leaves that away: half the time, and an eighth more CPU when it runs.

# --- the page, which is compiled into the binary
FROM docker.io/library/node:22.20.0-bookworm-slim AS page
WORKDIR /src/web
COPY web/package.json web/package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund
COPY web/ ./
RUN npm run build

# --- the binary
FROM docker.io/library/rust:1.95.0-bookworm AS binary
ENV CARGO_PROFILE_RELEASE_STRIP=symbols
WORKDIR /src
ARG PGO=yes
# Debian's package would make a cluster that nobody needs.
# hadolint ignore=DL3008
RUN [ "$PGO" = no ] || { mkdir -p /etc/postgresql-common/createcluster.d \
    && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/none.conf \
    && apt-get update && apt-get install -y --no-install-recommends postgresql redis-server \
    && rm -rf /var/lib/apt/lists/*; }
COPY Cargo.toml Cargo.lock ./
COPY crates/ crates/
COPY loadtest/ loadtest/
COPY migrations/ migrations/
COPY scripts/pgo.sh scripts/
COPY scripts/pgo/ scripts/pgo/
COPY --from=page /src/web/dist/ web/dist/
ARG COMMIT=unknown
ENV SWITCHBOARD_COMMIT=$COMMIT
# Crates that were fetched and compiled once are kept between builds. The licences are of what is in the binary.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    mkdir -p /out/licences /out/data \
    && if [ "$PGO" = no ]; then \
        cargo build --release --locked --package switchboard --bin switchboard && cp target/release/switchboard /out/; \
    else scripts/pgo.sh && cp target/optimized/switchboard /out/; fi \
    && cargo tree --locked --package switchboard --edges normal --prefix none --format '{p}: {l}' --no-dedupe > /out/all \
    && sort -u /out/all > /out/licences/third-party.txt
COPY LICENSE-APACHE LICENSE-MIT /out/licences/

# --- what runs: a C library and certificate authorities, no shell and no other program, user 65532
FROM gcr.io/distroless/cc-debian12:nonroot
ARG VERSION=0.1.0
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="Switchboard" \
      org.opencontainers.image.description="A horizontally scaled, Socket.IO-compatible messaging gateway" \
      org.opencontainers.image.licenses="Apache-2.0 OR MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT"
COPY --from=binary /out/licences/ /usr/share/doc/switchboard/
COPY --from=binary /out/switchboard /usr/local/bin/switchboard
# With PostgreSQL nothing is written. SQLite's file and the development key are, below ./data: mount a volume there.
COPY --from=binary --chown=65532:65532 /out/data/ /var/lib/switchboard/data/
WORKDIR /var/lib/switchboard
USER 65532:65532
EXPOSE 8080 9090
# By the environment it knows where the node listens; a container that gets a file needs a check with the same --config.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 \
    CMD ["/usr/local/bin/switchboard", "health", "--timeout", "2s"]
ENTRYPOINT ["/usr/local/bin/switchboard"]
CMD ["serve"]
