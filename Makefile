# `make demo` and `make test` set up everything they need in $(VENV) and are quick the second time.
VENV ?= .venv
PYTHON ?= python3
DEMO_ARGS ?=
TEST_ARGS ?=
PIP_ARGS ?=

BIN := $(VENV)/bin
# What ROS 2 wheels or another environment left behind must not leak into this one. Without bytecode
# on disk every process would compile again all that it imports.
RUN := env -u _ROS_WHEELS_BOOTSTRAP_COMPLETE -u LD_LIBRARY_PATH -u PYTHONPATH \
	-u PYTHONDONTWRITEBYTECODE
PYTEST := $(RUN) $(BIN)/python -m pytest
PIP := $(RUN) $(BIN)/python -m pip --disable-pip-version-check
SOURCES := $(shell find concept_control action config launch msg cmake -type f -not -name '*.pyc') \
	CMakeLists.txt package.xml pyproject.toml setup.py

LIST_REQUIREMENTS := import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
	extras = project["optional-dependencies"]; \
	print(*project["dependencies"], *extras["ros"], *extras["build"], *extras["studio"], *extras["dev"], sep="\n")

LIST_DOCS := import tomllib; \
	print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["docs"])

.PHONY: help setup demo test api lint lint-format lint-style lint-types clean
help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

$(VENV)/.dependencies: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; choose one with PYTHON=..."; exit 2; }
	@echo "[setup] virtual environment $(VENV)"
	@test -x $(BIN)/python || $(RUN) $(PYTHON) -m venv $(VENV)
	@echo "[setup] dependencies (the first time this downloads some 500 MB)"
	@$(BIN)/python -c '$(LIST_REQUIREMENTS)' > $(VENV)/requirements.txt
	@$(PIP) install --quiet $(PIP_ARGS) -c constraints.txt -r $(VENV)/requirements.txt
	@touch $@

$(VENV)/.package: $(VENV)/.dependencies $(SOURCES)
	@echo "[setup] messages and package"
	@PATH="$(abspath $(BIN)):$$PATH" $(PIP) install --quiet --no-build-isolation --no-deps .
	@touch $@

setup: $(VENV)/.package ## make the virtual environment and install the package into it

demo: setup ## the arm learns "between" from five examples and does it (DEMO_ARGS="--seed 3")
	@$(RUN) $(BIN)/concept_control demo $(DEMO_ARGS)

# The tests of a file share what they set up, and files go in the order of their names: by their
# number of tests, as is the default, files of few long tests would come last and alone. Whole node
# graphs run in real time: nothing else may run beside them. 5 means no test was chosen.
test: setup ## run the tests (TEST_ARGS="-k expression")
	@$(PYTEST) -n 2 --dist loadscope --no-loadscope-reorder -m "not whole_machine" $(TEST_ARGS); apart=$$?; \
	$(PYTEST) -m whole_machine $(TEST_ARGS); whole=$$?; \
	case "$$apart $$whole" in "0 0" | "0 5" | "5 0") ;; *) exit 1 ;; esac

api: setup ## the reference of the Python interface, from the docstrings, as build/api/index.html
	@$(PIP) install --quiet $(PIP_ARGS) -c constraints.txt $$($(BIN)/python -c '$(LIST_DOCS)')
	@$(RUN) $(BIN)/python -m docs.make_api build/api
	@echo "build/api/index.html"

lint: lint-format lint-style lint-types ## format check, lint and types

# One by one for .pre-commit-config.yaml.
lint-format: $(VENV)/.dependencies
	$(BIN)/ruff format --check .

lint-style: $(VENV)/.dependencies
	$(BIN)/ruff check .

lint-types: $(VENV)/.dependencies
	$(BIN)/mypy

clean: ## remove everything that was built, and the virtual environment
	rm -rf $(VENV) build install log dist *.egg-info
