# VLMeter for NVIDIA GPUs: as cpu.Dockerfile, with the torch of the Python package index, which brings
# its CUDA libraries. The driver is the host's, by NVIDIA's container toolkit.
#   docker build --file containers/cuda.Dockerfile --tag vlmeter:cuda .
FROM python:3.11.14-slim-bookworm

# A compiler for the cells with torch.compile.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++=4:12.2.0-3 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/vlmeter
COPY envs/requirements.lock envs/
RUN pip install --no-cache-dir --requirement envs/requirements.lock

COPY . .
RUN pip install --no-cache-dir --no-deps --editable .

# What of the driver the toolkit hands in: CUDA, and NVML for energy and clocks.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
# A study lives in the folder that is mounted here.
WORKDIR /study
# Also for a user whom the image does not know (`docker run --user 1000:1000`): caches of Snakemake and
# the Hub follow HOME, which would be `/`, and Snakemake asks for the user's name.
ENV HOME=/study \
    USER=vlmeter
CMD ["snakemake", "--snakefile", "/opt/vlmeter/Snakefile", "--cores", "all", "--resources", "gpu=1"]
