# VLMeter for processors: the locked environment and the workflow, as `make setup` installs them.
#   docker build --file containers/cpu.Dockerfile --tag vlmeter:cpu .
FROM python:3.11.14-slim-bookworm

# A compiler for the cells with torch.compile.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++=4:12.2.0-3 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/vlmeter
COPY envs/requirements.lock envs/
# torch first and alone: its build for processors is on an index of its own, and has no CUDA in it.
RUN grep '^torch==' envs/requirements.lock > torch.lock \
    && pip install --no-cache-dir --no-deps --index-url https://download.pytorch.org/whl/cpu \
        --requirement torch.lock \
    && pip install --no-cache-dir --requirement envs/requirements.lock

COPY . .
RUN pip install --no-cache-dir --no-deps --editable .

# A study lives in the folder that is mounted here.
WORKDIR /study
ENV HF_HOME=/study/.huggingface
CMD ["snakemake", "--snakefile", "/opt/vlmeter/Snakefile", "--cores", "all"]
