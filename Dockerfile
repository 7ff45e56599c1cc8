# syntax=docker/dockerfile:1

# The service for use with a Kafka and a PostgreSQL elsewhere (see docker-compose.yml). The
# embedded ones are for development: this image has no PostgreSQL to start.

FROM golang:1.26-alpine AS build
WORKDIR /src
# The modules first: they change seldom, and this layer is then reused.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
# CGO_ENABLED=0 gives a static binary, which does not care which libc the image below has.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/bookstore ./cmd/bookstore

# Alpine rather than distroless: docker-compose.yml asks /readyz with its wget. The check is
# there and not here because a one-off import or migrate has nothing to answer it with.
FROM alpine:3.22
# The numbers are fixed so that the owner of a volume stays the same from image to image.
# /data is made here because a named volume takes over the owner of the directory it covers:
# made by the engine, it would be root's and the service could not write its spool.
RUN addgroup -g 10001 bookstore \
 && adduser -D -H -u 10001 -G bookstore bookstore \
 && install -d -o bookstore -g bookstore -m 0700 /data
COPY --from=build /out/bookstore /usr/local/bin/bookstore
COPY config.yml /etc/bookstore/config.yml
# config.yml is read from the working directory.
WORKDIR /etc/bookstore
ENV BOOKSTORE_APP_DATA_DIR=/data
USER 10001:10001
EXPOSE 8080
# The exec form: the service is process 1 and gets the SIGTERM that makes it drain.
ENTRYPOINT ["bookstore"]
CMD ["serve"]
