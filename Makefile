# One command each. They need Python 3.11+, git and make; uv is fetched by pip when it is missing.
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := .venv/bin

.PHONY: demo test lint quality chaos bench docs lock clean

demo: .venv/.core
	@$(RUN)/growthnav demo

# EXAMPLES=10 tries ten times as many examples of every property.
test: .venv/.dev lint
	$(RUN)/pytest -n 2 --dist loadfile -m "not chaos and not quality"

lint: .venv/.dev
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports

quality: .venv/.dev
	$(RUN)/pytest -n 2 --dist loadfile -m "quality and not alone"
	$(RUN)/pytest -m "quality and alone"

# CHAOS_TRIALS sets how often each race and each kill is repeated.
chaos: .venv/.dev
	$(RUN)/pytest -n 2 -m chaos

# ROWS=4000000 for the long version.
ROWS ?= 1000000
bench: .venv/.dev
	$(RUN)/python bench/run.py --rows $(ROWS)

# Settings tables, stream tables and presets in the docs come from the program.
docs: .venv/.dev
	$(RUN)/python docs/build.py

# The lock files carry versions and hashes, no download addresses: any index that serves the same files will do.
lock: $(UV)
	$(UV) pip compile -q --universal --generate-hashes --no-header pyproject.toml -o locks/core.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --extra dev -c locks/core.txt pyproject.toml -o locks/dev.txt

clean:
	rm -rf .venv .uv .meltano .growthnav .state out

.venv/.core: locks/core.txt pyproject.toml $(UV)
	@test -x $(RUN)/python || $(UV) venv -q --python $(PYTHON) .venv
	@test -e .venv/.dev || $(UV) pip sync -q --compile-bytecode -p $(RUN)/python --require-hashes locks/core.txt
	@$(UV) pip install -q -p $(RUN)/python --no-deps -e .
	@touch $@

.venv/.dev: locks/dev.txt pyproject.toml $(UV)
	@test -x $(RUN)/python || $(UV) venv -q --python $(PYTHON) .venv
	@$(UV) pip sync -q --compile-bytecode -p $(RUN)/python --require-hashes locks/dev.txt
	@$(UV) pip install -q -p $(RUN)/python --no-deps -e .
	@touch $@ .venv/.core

.uv/bin/uv:
	@$(PYTHON) -m venv .uv && .uv/bin/pip install -q uv==0.13.8
