"""Adapt the verifier to one guide, our own, as adapt_encoder.py does the encoder.

    python benchmarks/adapt_verifier.py            # a quarter of an hour; writes data/verifier.npz
    python benchmarks/adapt_verifier.py --dry-run

Goes on from the verifier that ships, with all that is asked of our guide, each question beside the best sentences of
the guide as it stands or as one of five others has retold it, and with as many pairs from the other guides. The
sentences are the nearest by the cosines of the encoder that ships. Of what is learned a part is kept (`--kept`):
weights between those before and after are the better ones on other guides, and no worse on ours.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import examples
import numpy as np
import torch
from fitting import Fitted, add_options
from train_ranking import DATA, cases, open_guide
from train_verifier import Read, describe, learn, read

from wellcited.adapter import Adapter
from wellcited.elsewhere import Elsewhere
from wellcited.elsewhere import questions as strangers
from wellcited.models import PassageEncoder
from wellcited.verifier import READ

STRANGERS_A_GUIDE = 24


def beside_nearest(guide: dict, asked: Sequence[dict], encoder: PassageEncoder) -> Iterator[Read]:
    """Yield what is `asked` of a guide that is laid out, with the sentences nearest to it."""
    sentences = (encoder.encode(guide["sentences"]) + encoder.encode(guide["headed"])) / 2
    texts = [question["joined"] or question["alone"] for question in asked]
    for question, text, row in zip(asked, texts, encoder.encode(texts) @ sentences.T, strict=True):
        best = np.argsort(-row)[: READ + len(question["rows"])].tolist()
        found = [guide["headed"][place] for place in best]
        yield Read(question["kind"], text, found, [place in question["rows"] for place in best], 0.5)


def with_strangers(guide: dict, chance: random.Random) -> list[dict]:
    """Return what is asked of a guide, without what asks several things, and some messages from nowhere."""
    nowhere = chance.sample(examples.strangers(), STRANGERS_A_GUIDE)
    asked = [question for question in guide["questions"] if question["kind"] != "compound"]
    return asked + [{"kind": "offtopic", "alone": text, "joined": None, "rows": []} for text in nowhere]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--begin", type=Path, default=DATA / "verifier.npz")
    parser.add_argument("--guide", default="iliopsoas", help="its name in benchmarks/corpora")
    add_options(parser, DATA / "verifier.npz", epochs=2)
    parser.set_defaults(rate=2e-4)
    parser.add_argument("--kept", type=float, default=0.7, help="the share of what is learned that is kept")
    options = parser.parse_args()

    chance = random.Random(options.seed)
    torch.manual_seed(options.seed)
    encoder = PassageEncoder(adapter=Adapter.open())
    told = list(examples.tellings(options.guide))
    asked = with_strangers(told[0], chance)
    chance.shuffle(asked)
    own = [
        pair for number, guide in enumerate(told) for pair in beside_nearest(guide, asked[number :: len(told)], encoder)
    ]
    others = [
        pair
        for guide in map(examples.laid_out, examples.training_guides(near=True))
        if guide["name"] != options.guide
        for pair in beside_nearest(guide, with_strangers(guide, chance), encoder)
    ]
    pairs = own + chance.sample(others, min(len(others), len(own)))
    elsewhere = Elsewhere(encoder.encode(strangers()))
    judged = [
        read(case)
        for guide in examples.part_guides("tune")
        for case in cases(guide, open_guide(guide, encoder, elsewhere))
        if case.kind != "compound"
    ]
    model = Fitted(1)
    model.begin_with(options.begin)
    print("before", describe(model, judged), flush=True)
    learn(model, pairs, judged, options, chance)
    model.keep_part(options.begin, options.kept)
    print("kept", describe(model, judged))
    if not options.dry_run:
        model.save(options.out)


if __name__ == "__main__":
    main()
