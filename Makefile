# make parity REMAKE=1                  also makes tests/data/qwen3 anew
# make quickstart PYTHON3=python3.12    another interpreter (3.11, 3.12 or 3.13)
PYTHON3 ?= python3
VENV ?= .venv
WORKERS ?= 2

PYTHON := $(VENV)/bin/python
PIP_INSTALL := $(PYTHON) -m pip install --quiet -c constraints.txt
QUICKSTART := $(PYTHON) experiments/quickstart.py
PYTEST := $(PYTHON) -m pytest -n $(WORKERS) --dist=worksteal

.PHONY: quickstart smoke test test-slow parity lint clean
.DELETE_ON_ERROR:

quickstart: $(VENV)/.installed
	$(QUICKSTART) --workdir=runs/quickstart

smoke: $(VENV)/.installed
	$(QUICKSTART) --config=experiments/configs/quickstart.py:debug \
	  --workdir=runs/smoke

test: $(VENV)/.installed-test
	$(PYTEST) -m 'not slow'

test-slow: $(VENV)/.installed-test
	$(PYTEST) -m slow

parity: $(VENV)/.installed-parity
	$(if $(REMAKE),$(PYTHON) tests/qwen3_cases.py)
	$(PYTEST) -m parity

lint: $(VENV)/.installed-test
	$(PYTHON) -m ruff check .
	$(PYTHON) -m pyink --check --quiet .

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache

# The stamps make the second run of a command install nothing.
$(PYTHON):
	@$(PYTHON3) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) \
	  and "Python %d.%d found, 3.11 to 3.13 needed: make PYTHON3=python3.12 ..." \
	  % sys.version_info[:2])'
	$(PYTHON3) -m venv $(VENV)

$(VENV)/.installed: setup.cfg constraints.txt | $(PYTHON)
	$(PIP_INSTALL) -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(PIP_INSTALL) -e '.[test]'
	touch $@

$(VENV)/.installed-parity: $(VENV)/.installed-test
	$(PIP_INSTALL) -e '.[test,parity]'
	touch $@
