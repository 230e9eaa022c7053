# The worker, the commands and the sandbox as static programs in an empty image:
# no shell, no package manager, no root.
#
#   docker build -t refundworker .
#   docker run --rm refundworker --help                          # the worker
#   docker run --rm --entrypoint /refundctl refundworker --help  # or /enqueue, /sandbox

ARG GO_VERSION=1.26
FROM golang:${GO_VERSION}-alpine AS build
WORKDIR /src
# The modules in a layer of their own: it stays while only our code changes.
COPY go.mod go.sum ./
RUN go mod download && go mod verify
COPY . .
# CGO off makes them static; trimpath and an empty build id make two builds of
# one commit the same bytes.
ENV CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false"
RUN mkdir /out && go build -ldflags="-s -w -buildid=" -o /out/ ./cmd/worker ./cmd/enqueue ./cmd/refundctl ./cmd/sandbox

FROM scratch
# The providers' certificates are checked against these.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/ /
# No user of the host has this number, and it needs no /etc/passwd.
USER 65532:65532
WORKDIR /config
ENV REFUND_CONFIG=/config/refunds.yaml
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/worker"]
