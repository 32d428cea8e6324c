# SPDX-License-Identifier: MIT
"""How good style transfer is, measured by a network that took no part in making it.

    judge = pretrained()
    score(results, contents, styles, judge)          # once
    scorer = Scorer(judge, contents, styles)         # at each checkpoint
    scorer.score(results, pairs)
"""

from .judge import Judge, found, pretrained
from .metrics import Pair, Scorer, reconstruction, score

__all__ = ["Judge", "Pair", "Scorer", "found", "pretrained", "reconstruction", "score"]
