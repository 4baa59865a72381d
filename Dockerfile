# syntax=docker/dockerfile:1
# Rapport's jobs as an image: binaries, shared SQL and settings, run by a user without rights.
#
#   docker build --tag rapport .
#   docker run --rm rapport                                                  what there is
#   docker run --rm --env-file production.env rapport daily --date 2024-03-04
#
# A project of your own is an image on top of it:
#
#   FROM rapport
#   COPY my-project /project
#   ENV RAPPORT_CONFIG=/project/rapport.yaml
#
# There is no HEALTHCHECK: jobs end, and their exit code is their health. Whether an image is whole
# `rapport check` tells within a second, without data or credentials; below it is run in the build.

FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY Cargo.toml Cargo.lock ./
COPY jobs jobs
# The manifest names the test binary's file, which is not built.
RUN mkdir tests && touch tests/main.rs
# What is downloaded and compiled stays on the building machine for the next build.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    CARGO_PROFILE_RELEASE_STRIP=symbols cargo build --locked --release --bins && \
    mkdir /binaries && \
    for job in ingest resolve-identities build-customers build-metrics daily rapport; do \
        cp "target/release/$job" /binaries/ || exit; \
    done
COPY sql sql
COPY config config
RUN /binaries/rapport check --config config/local.yaml

# Slim rather than without a shell: a cron job has to say which days it means.
FROM debian:bookworm-slim
# Certificates of the Debian release, whichever are the newest: an old set is the worse surprise.
# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install --yes --no-install-recommends ca-certificates && \
    rm -rf /var/lib/apt/lists/* && \
    useradd --uid 65532 --no-create-home --shell /usr/sbin/nologin rapport
COPY --from=build /binaries/ /usr/local/bin/
COPY sql /opt/rapport/sql
COPY config /opt/rapport/config
COPY LICENSE /opt/rapport/LICENSE
WORKDIR /opt/rapport
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
# Everything else comes from outside: RAPPORT_BUCKET or RAPPORT_LANDING and RAPPORT_WAREHOUSE,
# RAPPORT_PSEUDONYM_KEY, credentials by the names of the cloud's own tools. Only /tmp is written to,
# where queries spill: give it room, and the rest may be read-only.
ENV RAPPORT_CONFIG=/opt/rapport/config/production.yaml
CMD ["rapport", "--help"]
