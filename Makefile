# Thin names for tools/bootstrap.py, which also runs without make: python3 tools/bootstrap.py run
PYTHON ?= python3
BOOTSTRAP = $(PYTHON) tools/bootstrap.py

.PHONY: help run test lint fmt lock bench soak fresh-check screenshots clean

help:  ## what there is
	@$(BOOTSTRAP) || true

run:  ## the service with demo data on http://127.0.0.1:8080
	@$(BOOTSTRAP) run

test:  ## every check; `make test ARGS="tests/dicom -q"` hands words to pytest
	@$(BOOTSTRAP) test $(ARGS)

bench:  ## measurements; `make bench NAME=frames` for one
	@$(BOOTSTRAP) bench $(NAME)

lint fmt lock soak fresh-check screenshots clean:
	@$(BOOTSTRAP) $@
