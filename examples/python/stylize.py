# SPDX-License-Identifier: MIT
"""A photo in a painting's style:

    python stylize.py mini.artfusion photo.jpg painting.jpg result.png
"""

import sys

import artfusion as af


def main() -> int:
    if len(sys.argv) != 5:
        print(f"usage: {sys.argv[0]} MODEL PHOTO PAINTING RESULT", file=sys.stderr)
        return 2
    path, photo, painting, result = sys.argv[1:]
    try:
        with af.load(path) as model:
            model.stylize(photo, painting).save(result)
    except af.Error as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
