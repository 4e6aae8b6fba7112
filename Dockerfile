# syntax=docker/dockerfile:1
# SPDX-FileCopyrightText: 2026 The DeFakePro Authors
# SPDX-License-Identifier: Apache-2.0

# Two images: `node`, which keeps a ledger and is one static file, and `guard`, which decodes media and needs libav for it.
# Neither runs as root, and neither writes outside of /data, so that the root file system can be read-only.

FROM golang:1.26-bookworm AS source
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .

FROM source AS build-node
RUN CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags='-s -w' -o /out/defakepro ./cmd/defakepro \
    && mkdir -p /out/data

FROM source AS build-guard
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev pkg-config libavcodec-dev libavformat-dev libavutil-dev libswscale-dev \
    && rm -rf /var/lib/apt/lists/* \
    && CGO_ENABLED=1 go build -buildvcs=false -trimpath -ldflags='-s -w' -o /out/defakepro ./cmd/defakepro \
    && mkdir -p /out/data

FROM gcr.io/distroless/static-debian12:nonroot AS node
COPY --from=build-node /out/defakepro /usr/local/bin/defakepro
COPY --from=build-node --chown=65532:65532 /out/data /data
USER 65532:65532
VOLUME /data
ENTRYPOINT ["/usr/local/bin/defakepro"]
CMD ["node", "--home", "/data"]

FROM debian:bookworm-slim AS guard
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libavcodec59 libavformat59 libavutil57 libswscale6 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build-guard /out/defakepro /usr/local/bin/defakepro
COPY --from=build-guard --chown=65532:65532 /out/data /data
USER 65532:65532
VOLUME /data
ENTRYPOINT ["/usr/local/bin/defakepro"]
CMD ["guard", "--help"]
