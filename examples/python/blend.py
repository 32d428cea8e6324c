# SPDX-License-Identifier: MIT
"""A photo in a style between two paintings':

    python blend.py mini.artfusion photo.jpg first.jpg second.jpg 0.5 result.png

The share, from 0 to 1, is that of the second painting.
"""

import sys

import artfusion as af


def main() -> int:
    if len(sys.argv) != 7:
        print(f"usage: {sys.argv[0]} MODEL PHOTO FIRST SECOND SHARE RESULT", file=sys.stderr)
        return 2
    path, photo, first, second = sys.argv[1:5]
    share = float(sys.argv[5])
    try:
        with af.load(path) as model:
            between = af.blend([(model.style(first), 1 - share), (model.style(second), share)])
            model.stylize(photo, between).save(sys.argv[6])
    except af.Error as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
