# Each platform builds natively: docker buildx build --build-arg REVISION="$(git rev-parse HEAD)" .
# What is in it is made by image/build.sh, which `make image-root` proves; docs/install.md says what
# remains unproven.
FROM rust:1.95.0-slim-bookworm AS build
# The toolchain of the base image, as rust-toolchain.toml has it, without its components.
ENV RUSTUP_TOOLCHAIN=1.95.0
ARG REVISION=unknown
ENV COMPASS_REVISION=$REVISION
ARG SOURCE_DATE_EPOCH=0
# The SBOM lists the crates of Cargo.lock.
ARG BUILDKIT_SBOM_SCAN_STAGE=true
WORKDIR /compass
COPY . .
RUN sh image/build.sh /image

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Compass" \
      org.opencontainers.image.description="From an intent to a vLLM deployment that meets its SLOs, with the benchmarks that say so" \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$REVISION \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image /
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/bin/compass"]
CMD ["--help"]
