# SPDX-License-Identifier: MIT
"""The documentation site, by Sphinx: scripts/docs.sh. A warning is an error."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bindings/python"))

project = "libartfusion"
author = "the libartfusion authors"
_header = (ROOT / "include/artfusion.h").read_text()
release = ".".join(re.findall(r"define ARTFUSION_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", _header))

extensions = ["myst_parser", "sphinx.ext.autodoc"]
# The pages lie where they are read in the source, too, so the source's root is Sphinx's.
root_doc = "docs/index"
include_patterns = ["docs/*.md", "docs/**/*.md", "*.md", "*/README.md", "bindings/python/README.md", "examples/images/*.md"]
exclude_patterns = [
    ".*", "build", "export/build", "README.md",
    "abi", "cmake", "export", "include", "lib", "scripts", "shim", "tests/[a-z]*", "tools", "train",
]  # fmt: skip
myst_heading_anchors = 4  # as forges make them

# Docstrings name things in backticks, as Markdown does.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "imported-members": True, "show-inheritance": True}
python_use_unqualified_type_names = True


def _drop_list(_app, _what, name, _object, _options, lines):  # type: ignore[no-untyped-def]
    """The list at the end of Options' docstring is for help(); here each option has its own entry."""
    if name == "artfusion.Options":
        del lines[lines.index("Options:") :]


def setup(app):  # type: ignore[no-untyped-def]
    app.connect("autodoc-process-docstring", _drop_list)


html_theme = "alabaster"
html_theme_options = {"description": "Style transfer by latent diffusion, as a C library", "page_width": "1180px", "body_max_width": "none"}
html_title = f"libartfusion {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
