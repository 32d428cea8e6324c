# SPDX-License-Identifier: MIT
"""What a program with a window does: a preview after each step, and the user may stop.

    python preview.py mini.artfusion photo.jpg painting.jpg step- 3

writes step-1.png, step-2.png and step-3.png and is then stopped; without the number, or with one
that is not reached, step-8.png is the result.
"""

import sys

import artfusion as af

STEPS = 8


def main() -> int:
    if len(sys.argv) not in (5, 6):
        print(f"usage: {sys.argv[0]} MODEL PHOTO PAINTING PREFIX [LAST]", file=sys.stderr)
        return 2
    path, photo, painting, prefix = sys.argv[1:5]
    last = int(sys.argv[5]) if len(sys.argv) == 6 else None  # when the user has seen enough
    try:
        with af.load(path) as model, model.sampler(photo, painting, steps=STEPS) as sampler:
            for step in sampler:
                step.preview().save(f"{prefix}{step.number}.png")
                print(f"step {step.number} of {step.of}")
                if step.number == last:
                    print("stopped")
                    break
    except af.Error as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
