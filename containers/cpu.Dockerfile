# VLMeter for processors: the locked environment and the workflow, as `make setup` installs them.
#   docker build --file containers/cpu.Dockerfile --build-arg TORCH_INDEX=... --tag vlmeter:cpu .
FROM python:3.11.14-slim-bookworm

# A compiler for the cells with torch.compile.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++=4:12.2.0-3 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/vlmeter
COPY envs/requirements.lock envs/
# torch first and alone: its builds for processors, without CUDA, have an index of their own. Without
# one it comes from the default index, and the second line adds the CUDA libraries that it asks for.
ARG TORCH_INDEX
RUN grep '^torch==' envs/requirements.lock > torch.lock \
    && pip install --no-cache-dir --no-deps ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} \
        --requirement torch.lock \
    && pip install --no-cache-dir --requirement envs/requirements.lock

COPY . .
RUN pip install --no-cache-dir --no-deps --editable .

# A study lives in the folder that is mounted here.
WORKDIR /study
# Also for a user whom the image does not know (`docker run --user 1000:1000`): caches of Snakemake and
# the Hub follow HOME, which would be `/`, and Snakemake asks for the user's name.
ENV HOME=/study \
    USER=vlmeter
CMD ["snakemake", "--snakefile", "/opt/vlmeter/Snakefile", "--cores", "all"]
