# syntax=docker/dockerfile:1
# Two images of the same program, without a shell, as a user without rights, with a root file system that may be
# read-only. What must survive is in /data.
#
#   docker build --build-arg TESSERA_COMMIT="$(git log -1 --abbrev=12 --format='%h, %cs')" -t tessera .
#   docker build --build-arg SMALL=0 …                           (with stable switches of the compiler only: scripts/build.sh)
#   docker build --target with-model -t tessera:with-model .     (and the small chat model, 98 MB)

FROM node:22-bookworm-slim AS node

FROM rust:1.95.0-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-pip && rm -rf /var/lib/apt/lists/*
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
WORKDIR /src
# The tools of the build: they stay as they are when only the sources change.
COPY rust-toolchain.toml ./
COPY scripts scripts
ARG SMALL=1
RUN scripts/setup.sh run
COPY . .
ARG TESSERA_COMMIT=
RUN scripts/build.sh && scripts/stage.sh /stage && scripts/image_root.sh /stage /root-of-image \
    && mkdir -p /models && cp -L models/*.gguf /models/

FROM scratch AS plain
COPY --from=build /root-of-image /
COPY --from=build --chown=65532:65532 /root-of-image/data /data
ENV SITE_ADDR=0.0.0.0:3000 DATA_DIR=/data
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=8s --start-period=20s \
    CMD ["/opt/tessera/tessera", "health"]
ENTRYPOINT ["/opt/tessera/tessera"]

FROM plain AS with-model
COPY --from=build /models /opt/tessera/models
ENV LOCAL_MODEL=/opt/tessera/models/SmolLM2-135M-Instruct.Q4_1.gguf

# What `docker build .` makes.
FROM plain
