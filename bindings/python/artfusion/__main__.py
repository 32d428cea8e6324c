# SPDX-License-Identifier: MIT
"""`python -m artfusion` and the script `artfusion`: the project's command, which the package
holds and this process becomes."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from ._errors import EngineError
from ._library import packaged
from ._torch import own_engine, torch_folder


def main() -> NoReturn:
    command = packaged("bin/artfusion")
    if command is None:
        sys.exit(
            "artfusion: this package holds no command. A distribution has it in another package "
            "(Debian: artfusion-tools); pip install . installs both"
        )
    environment = dict(os.environ)
    if not environment.get("ARTFUSION_ENGINE"):
        try:
            folder = torch_folder() / "lib"
            environment["ARTFUSION_ENGINE"] = os.fspath(own_engine())
        except EngineError as error:
            sys.exit(f"artfusion: {error}")
        others = environment.get("LD_LIBRARY_PATH")
        environment["LD_LIBRARY_PATH"] = f"{folder}:{others}" if others else f"{folder}"
    os.execve(command, ["artfusion", *sys.argv[1:]], environment)


if __name__ == "__main__":
    main()
