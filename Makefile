# Every target works as the first command in a fresh clone: it sets up what it needs and does nothing twice.
PYTHON ?= python3
ARGS ?=
LAB_ARGS ?=

BIN := .venv/bin
FIRST := labs/00_start_here.ipynb
NOTEBOOKS := $(wildcard labs/*.ipynb)
SETUP := $(PYTHON) bootstrap.py

# JupyterLab refuses to run as root unless told; without a display it must not look for a browser.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
HEADLESS := $(if $(filter Linux,$(shell uname)),$(if $(DISPLAY)$(WAYLAND_DISPLAY),,--no-browser))

# Extensions of JupyterLab that no lab needs: a fifth of a page's scripts.
DENY := --VoilaConfiguration.extension_denylist=
VOILA := $(foreach name,@voila-dashboards/jupyterlab-preview jupyterlab-plotly jupyterlab_pygments,$(DENY)$(name))

.DEFAULT_GOAL := help
.PHONY: help lab app infer test bench bench-peers bench-ui notebooks lock screenshots clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

lab: ## set everything up and open JupyterLab on the first notebook (LAB_ARGS: more options for it)
	@$(SETUP) --extras lab
	$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/$(FIRST) $(AS_ROOT) $(HEADLESS) $(LAB_ARGS)

app: ## serve the labs as an application, all code hidden (LAB_ARGS: more options for Voila)
	@$(SETUP) --extras lab
	JUPYTER_PATH=fcnlab/ui/share $(BIN)/voila labs --template=fcnlab $(VOILA) $(HEADLESS) $(LAB_ARGS)

infer: ## classify MNIST digits under encryption, in the terminal (ARGS: options of `fcnlab infer`)
	@$(SETUP)
	$(BIN)/fcnlab infer $(ARGS)

test: ## everything that is checked: ruff, mypy, pytest, the notebooks
	@$(SETUP) --extras images,lab,test --browser
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest
ifneq ($(NOTEBOOKS),)
	$(BIN)/pytest --nbval --nbval-current-env labs
endif

bench: ## measure engines, schemes and rings (ARGS: options of the benchmark)
	@$(SETUP) --extras test
	$(BIN)/python -m tests.benchmarks $(ARGS)

bench-peers: ## TenSEAL and Orion, set up in build/peers, against ours on the same images (ARGS: --helayers, --all-cores)
	@$(SETUP) --extras test
	$(BIN)/python -m tests.benchmarks.peers $(ARGS)

bench-ui: ## measure in the browser how fast the labs answer (ARGS: names of labs)
	@$(SETUP) --extras lab,test --browser
	$(BIN)/python -m tests.benchmarks.dashboards $(ARGS)
	$(BIN)/python -m tests.benchmarks.reading

notebooks: ## run every lab and store what it shows, after a change of code or networks
	@$(SETUP) --extras lab,test
	$(BIN)/python -m tests.labs.refresh

lock: ## pin the newest allowed versions in constraints.txt, with hashes, for all platforms
	@$(SETUP) --extras test
	$(BIN)/pip install -q uv
	$(BIN)/python -m tests.lock

screenshots: ## pictures of every lab, 1280 and 800 pixels wide, in build/screenshots
	@$(SETUP) --extras lab,test --browser
	$(BIN)/python -m tests.labs.screenshots

clean: ## remove .venv and everything generated; data, models and the cached wheel of Pyfhel stay
	rm -rf .venv build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
