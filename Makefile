# The plain commands. `make demo` needs nothing but Python 3.11 or newer and a package index.
PYTHON ?= python3
VENV ?= .venv
CONFIG ?= config/config.yaml
# What `make measurements` measures at full size, and where it is kept: all of the published study on
# a GPU, what a processor can do of it on a CPU.
PRESENT = $(shell $(BIN)/python -c 'from vlmeter.machine.devices import is_present; \
	print("cuda" if is_present("cuda") else "cpu")')
MEASURED ?= config/blip2-architecture$(if $(filter cpu,$(or $(DEVICE),$(PRESENT))),-cpu).yaml
MEASUREMENTS ?= docs/measurements
# How long `make gpu-check` may take in all, in seconds.
LIMIT ?= 540
# Which faults `make faults` lets happen, and which mutants `make mutants` tries; COUNT says how many.
SEED ?= 0
BIN = $(VENV)/bin
# Every job is a process of its own: without compiled modules beside the sources each would compile
# all of them again.
export PYTHONDONTWRITEBYTECODE =
DEMO = --configfile config/demo.yaml

.PHONY: help setup setup-slurm setup-hosts setup-video setup-quantized setup-dev demo plan compare verify lint test faults mutants bench peers measurements gpu-check reference docs sample pictures clean-demo

help:
	@echo "make demo     run the demo study and write its report (no GPU, no network after the install)"
	@echo "make setup    install the pinned environment into $(VENV)"
	@echo "make setup-slurm  with Snakemake's plugin for a SLURM cluster"
	@echo "make setup-hosts  with Snakemake's plugin for a list of hosts or Kubernetes"
	@echo "make setup-video  with torchvision, which the processors of some models need"
	@echo "make setup-quantized  with what loads checkpoints quantised by bitsandbytes or compressed-tensors"
	@echo "make plan     say what CONFIG=$(CONFIG) would do, before anything is fetched"
	@echo "make compare  what differs between finished studies: STUDIES=\"results/x results/y\""
	@echo "make test     unit and workflow tests"
	@echo "make lint     linters and type checks"
	@echo "make faults   let many things go wrong in a small study, and see that nothing is lost"
	@echo "make mutants  change the code in small ways, and see that the tests notice"
	@echo "make verify   see that every file of CONFIG's results is what was written"
	@echo "make bench    compare the measured figures with independent ones"
	@echo "make peers    measure a cell beside optimum-benchmark and lmms-eval, each in an environment of its own"
	@echo "make docs     the documentation as a site, in build/site, with its links checked"
	@echo "make sample, make pictures  keep the demo's report and pictures of it for docs/"
	@echo "make measurements  the published study at full size with random weights, for docs/"
	@echo "make gpu-check  a GPU that is new to VLMeter: two studies, and its figures beside others"

# An environment holds the path of its folder: one that came here with a moved or copied checkout is
# made anew.
INSTALLED_IN = $(shell cat $(VENV)/.installed 2>/dev/null)
ifneq ($(INSTALLED_IN),$(CURDIR))
.PHONY: $(VENV)/.installed
endif

$(VENV)/.installed: envs/requirements.lock pyproject.toml
	@case "$(CURDIR)" in *[[:space:]]*) \
		echo "Snakemake cannot run jobs by an interpreter whose path has a space: put VLMeter" \
			"into a folder without one; it is in $(CURDIR)."; exit 1;; esac
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "VLMeter needs Python 3.11 or newer; say which: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(if $(filter-out $(CURDIR),$(INSTALLED_IN)),--clear) $(VENV)
	# torch first and by its pin: a later range would fetch another build.
	$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep '^torch==' envs/requirements.lock)"
	$(BIN)/pip install --quiet --disable-pip-version-check -r envs/requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@echo "$(CURDIR)" > $@

$(VENV)/.installed-slurm: envs/requirements-slurm.lock $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check -r envs/requirements-slurm.lock
	touch $@

$(VENV)/.installed-hosts: envs/requirements-hosts.lock $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check -r envs/requirements-hosts.lock
	touch $@

$(VENV)/.installed-video: envs/requirements-video.lock $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check -r envs/requirements-video.lock
	touch $@

$(VENV)/.installed-quantized: envs/requirements-quantized.lock $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check -r envs/requirements-quantized.lock
	touch $@

# torchvision and what loads quantised checkpoints lie aside: most tests are of an environment
# without them, and some lend them to themselves.
# So does axe-core, of whose package only the script is wanted, without what drives a browser.
$(VENV)/.installed-dev: envs/requirements-dev.lock envs/requirements-video.lock \
		envs/requirements-quantized.lock envs/requirements-axe.lock $(VENV)/.installed-slurm \
		$(VENV)/.installed-hosts
	$(BIN)/pip install --quiet --disable-pip-version-check -r envs/requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --upgrade \
		--target $(VENV)/video -r envs/requirements-video.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --upgrade \
		--target $(VENV)/quantized -r envs/requirements-quantized.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --upgrade \
		--target $(VENV)/axe -r envs/requirements-axe.lock
	touch $@

setup: $(VENV)/.installed

setup-slurm: $(VENV)/.installed-slurm

setup-hosts: $(VENV)/.installed-hosts

setup-video: $(VENV)/.installed-video

setup-quantized: $(VENV)/.installed-quantized

setup-dev: $(VENV)/.installed-dev

demo: setup
	$(BIN)/snakemake --cores all $(DEMO)
	@if [ results/demo/report.html -nt results/demo/check.json ]; then \
		echo "The report is up to date."; \
	else \
		$(BIN)/snakemake $(DEMO) --report results/demo/report.html; \
	fi
	@echo
	@echo "The report:        results/demo/report.md"
	@echo "Open in a browser: results/demo/report.html"

plan: setup
	@$(BIN)/vlmeter plan $(CONFIG)

compare: setup
	@$(BIN)/vlmeter compare $(STUDIES) $(if $(INTO),--into "$(INTO)")

lint: setup-dev
	$(BIN)/snakemake --lint
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --config-file benchmarks/mypy.ini benchmarks/*.py benchmarks/gpu/*.py
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/bandit --quiet --recursive src --configfile pyproject.toml
	$(BIN)/hadolint containers/*.Dockerfile
	$(BIN)/actionlint

# Lets many things go wrong in a small study; COUNT faults, repeated by their SEED.
faults: setup-dev
	$(BIN)/python tests/faults/run.py --count $(or $(COUNT),250) --seed $(SEED)

# Changes the code in COUNT small ways, and sees that the tests notice; the table is in docs/tests.md.
mutants: setup-dev
	$(BIN)/python tests/mutants/run.py --count $(or $(COUNT),40) --seed $(SEED)

# Whether every file of a study is still what was written.
verify: setup
	@$(BIN)/vlmeter verify $(CONFIG)

test: setup-dev
	$(BIN)/python -m pytest

bench: setup
	@# All parts, also after one that missed a bound.
	@failed=0; for part in compare demo large_studies large_data; do \
		$(BIN)/python benchmarks/$$part.py || failed=1; \
	done; exit $$failed

PEERS = .venv-peers
$(PEERS)/.installed: benchmarks/peers/requirements.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet --disable-pip-version-check "$$(grep '^torch==' $<)"
	$(PEERS)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

# Without what its packages ask for: lmms-eval wants torchvision, which does not load beside torch's
# build for CPUs, and which nothing here needs.
LMMS_EVAL = .venv-lmms-eval
$(LMMS_EVAL)/.installed: benchmarks/peers/requirements-lmms-eval.txt
	$(PYTHON) -m venv $(LMMS_EVAL)
	$(LMMS_EVAL)/bin/pip install --quiet --disable-pip-version-check "$$(grep '^torch==' $<)"
	$(LMMS_EVAL)/bin/pip install --quiet --disable-pip-version-check --no-deps -r $<
	touch $@

# A cell beside optimum-benchmark and its answers beside lmms-eval's; see benchmarks/peers/README.md.
peers: setup $(PEERS)/.installed $(LMMS_EVAL)/.installed
	@failed=0; \
	$(BIN)/python benchmarks/peers/compare.py $(PEERS)/bin || failed=1; \
	$(BIN)/python benchmarks/peers/answers.py $(LMMS_EVAL)/bin || failed=1; \
	exit $$failed

# The published study at full size with random weights, kept in docs/ by device.
measurements: setup
	$(BIN)/snakemake --cores all --resources gpu=1 --configfile $(MEASURED)
	$(BIN)/vlmeter publish $(MEASURED) $(MEASUREMENTS)

# Everything that meets a GPU, within a time limit; DEVICE=cpu tries the check itself without one.
gpu-check: setup
	$(BIN)/python benchmarks/gpu/check.py --device $(or $(DEVICE),cuda) --limit $(LIMIT)

reference: setup
	$(BIN)/vlmeter reference

# The pages lie where they belong, so they are laid out for the site first.
docs: setup-dev
	$(BIN)/python docs/make_site.py build/docs
	$(BIN)/zensical build --strict

# What the documentation shows of a demo that ran: kept, so that it can be read without running one.
sample: setup
	@test -f results/demo/check.json || { echo "Run make demo first."; exit 1; }
	rm -rf docs/sample/figures docs/sample/gallery
	mkdir -p docs/sample/figures
	cp -r results/demo/report.md results/demo/study.html results/demo/gallery docs/sample
	cp results/demo/figures/*.svg docs/sample/figures

pictures: setup
	$(BIN)/python docs/make_pictures.py results/demo/study.html docs/images

clean-demo:
	rm -rf results/demo
