# SPDX-License-Identifier: MIT
# What the Python package holds besides Python: the two libraries, the command, the default model,
# and which torch the engine needs. pyproject.toml names the Python files and the licences.

# Wheels have no symbolic links, and nothing links this library: one file, by one name.
set_property(TARGET artfusion PROPERTY VERSION)
set_property(TARGET artfusion PROPERTY SOVERSION)
# Where pip puts torch beside it. Elsewhere Python finds libtorch and loads it first.
set_target_properties(artfusion-engine-torch PROPERTIES INSTALL_RPATH $ORIGIN/../torch/lib)
install(TARGETS artfusion artfusion-engine-torch LIBRARY DESTINATION artfusion)
# `python -m artfusion` becomes it, and says where libtorch and the model are.
set_target_properties(artfusion_command PROPERTIES INSTALL_RPATH $ORIGIN/..)
install(TARGETS artfusion_command RUNTIME DESTINATION artfusion/bin)
install(FILES models/mini.artfusion DESTINATION artfusion)

get_directory_property(torch DIRECTORY shim DEFINITION Torch_VERSION)
file(CONFIGURE OUTPUT _build.py @ONLY CONTENT
"# SPDX-License-Identifier: MIT
TORCH = \"@torch@\"
")
install(FILES ${PROJECT_BINARY_DIR}/_build.py DESTINATION artfusion)
