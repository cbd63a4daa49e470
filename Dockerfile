# The guides of corpus/ with their index, and a server for them, as one image:
#
#   docker build -t wellcited .
#   docker run --rm -p 127.0.0.1:7860:7860 --read-only --tmpfs /tmp wellcited
#
# torch builds the index in a stage that is thrown away; the image serves without it. docs/deploying.md has the rest.
# Debian's own Python, so that its security updates come with the base image.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS python
RUN apt-get update \
 && apt-get install --yes --quiet --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log

FROM python AS source
RUN apt-get update && apt-get install --yes --quiet --no-install-recommends python3-venv
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src

# The index, with torch. For torch's smaller CPU build give PIP_EXTRA_INDEX_URL as README.md has it.
FROM source AS index
ARG PIP_EXTRA_INDEX_URL=
RUN python3 -m venv /opt/index \
 && /opt/index/bin/pip install --quiet --no-cache-dir --no-compile --constraint constraints.txt '.[index]'
COPY . .
RUN /opt/index/bin/wellcited index --corpus corpus --index /srv/index --strict \
 && for own in wellcited.toml safety.toml; do if [ -f "$own" ]; then cp "$own" /srv/; fi; done

# What answers and serves. A third of what is installed would lie there unused, and goes: tests of libraries, Gradio's
# video converter, plots, samples and Node server, and the copy of ONNX Runtime for C. Byte code is written for what is
# imported alone, by answering a question and assembling the server, which also proves that nothing is missing.
FROM source AS server
RUN python3 -m venv /opt/wellcited \
 && /opt/wellcited/bin/pip install --quiet --no-cache-dir --no-compile --constraint constraints.txt '.[web]' \
 && /opt/wellcited/bin/python -m pip uninstall --quiet --yes setuptools pip \
 && cd /opt/wellcited/lib/python3*/site-packages \
 && find . -depth -type d \( -name tests -o -name __pycache__ \) -exec rm -rf {} + \
 && rm -rf gradio/media_assets gradio/templates/node gradio/templates/frontend/static/ffmpeg \
      gradio/templates/frontend/static/bokeh onnxruntime/capi/libonnxruntime.so.*
COPY --from=index /srv /srv
RUN cd /srv \
 && /opt/wellcited/bin/wellcited ask "Should I see a doctor?" \
 && /opt/wellcited/bin/python -c "from wellcited.settings import Settings; from wellcited.web.live import Live; \
from wellcited.web.app import create_app; create_app(Live.open(Settings()), Settings())"

FROM python
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /srv --shell /usr/sbin/nologin wellcited
COPY --from=server /opt/wellcited /opt/wellcited
COPY --from=index /srv /srv
ENV PATH=/opt/wellcited/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1 \
    WELLCITED_HOST=0.0.0.0
WORKDIR /srv
USER 10001:10001
EXPOSE 7860
# Within a second or two of the start the server answers; /readyz says when it has answered a first question.
HEALTHCHECK --interval=30s --timeout=3s --start-period=20s --retries=3 CMD ["python", "-c", \
  "import os, urllib.request as web; web.urlopen('http://127.0.0.1:' + os.environ.get('WELLCITED_PORT', '7860') + '/healthz', timeout=2)"]
CMD ["wellcited", "serve"]
