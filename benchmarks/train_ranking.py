"""Learn the weights of the sentence ranker and of the confidence from the tuning questions of several guides.

    python benchmarks/train_ranking.py            # prints the leave-one-guide-out figures, writes src/wellcited/data/
    python benchmarks/train_ranking.py --dry-run  # prints only

Only `questions.tune.jsonl` is read. The ranker is a listwise softmax over the sentences of the guide (Cao et al.,
"Learning to rank: from pairwise to listwise approach", 2007) on linear features; the confidence is a logistic
regression. Each guide's figures come from weights that were learned without it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from wellcited import bundle, confidence, conversation
from wellcited.datatypes import Message
from wellcited.encoding import QueryEncoder
from wellcited.indexing import build_index
from wellcited.ranking import FEATURES
from wellcited.retrieval import Evidence, Retriever, blend
from wellcited.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
CORPORA = ROOT / "benchmarks" / "corpora"
DATA = ROOT / "src" / "wellcited" / "data"
RANKED_KINDS = ("single", "followup")
SILENT_KINDS = ("unanswerable", "offtopic")
RANKING_L2 = 0.1
CONFIDENCE_C = 0.1
FALSE_DECLINES = 0.04
"""The share of answerable tuning questions that the threshold may decline, each judged by weights that never saw it."""
QUOTES = str.maketrans("’‘“”–—", "''\"\"--")


@dataclass
class Case:
    """One tuning question, read by the retriever: a row of features for each sentence, and which of them answer."""

    guide: str
    kind: str
    asked: conversation.Asked
    readings: list[tuple[float, Evidence]]
    retriever: Retriever
    gold: set[int]

    @property
    def evidence(self) -> Evidence:
        return blend(self.readings)


def normal(text: str) -> str:
    return " ".join(text.translate(QUOTES).split())


def guides() -> dict[str, list[Path]]:
    """Return for each guide the files of its corpus; the guide on the iliopsoas comes without curated questions too."""
    found = {path.parent.name: [path] for path in CORPORA.glob("*/guide.*")}
    own = ROOT / "corpus" / "iliopsoas-guide.md"
    return {**found, "iliopsoas": [own, own.with_name("iliopsoas-guide.questions.md")], "iliopsoas-plain": [own]}


def open_guide(files: list[Path], folder: Path) -> Retriever:
    corpus = folder / "corpus"
    corpus.mkdir(parents=True)
    for file in files:
        shutil.copy(file, corpus)
    build_index(corpus, folder / "index", Settings())
    build = bundle.open_build(folder / "index")
    return Retriever.open(build, QueryEncoder(build.folder / bundle.ENCODER))


def cases(guide: str, retriever: Retriever) -> Iterator[Case]:
    sentences = [normal(sentence) for sentence in retriever.layout.sentences]
    path = CORPORA / guide.removesuffix("-plain") / "questions.tune.jsonl"
    for line in path.read_text("utf-8").splitlines():
        question = json.loads(line)
        *earlier, last = question["turns"]
        asked = conversation.read(last, [Message(role="user", content=turn) for turn in earlier])
        texts = [asked.alone, *([asked.joined] if asked.joined else [])]
        weights = [1 - asked.leaning, asked.leaning] if asked.joined else [1.0]
        vectors = retriever.encode(texts)
        readings = [
            (weight, retriever.evidence(text, vector))
            for weight, text, vector in zip(weights, texts, vectors, strict=True)
        ]
        spans = [normal(span) for alternative in question["gold"] for span in alternative]
        gold = {row for row, sentence in enumerate(sentences) for span in spans if span in sentence}
        yield Case(guide, question["kind"], asked, readings, retriever, gold)


def curated_cases(guide: str, retriever: Retriever) -> Iterator[Case]:
    """Yield the curated questions of our own guide, asked where they are not known: short, plain and answerable."""
    text = (ROOT / "corpus" / "iliopsoas-guide.questions.md").read_text("utf-8")
    for line in text.splitlines():
        if line.startswith("- "):
            asked = conversation.read(line[2:], [])
            evidence = retriever.evidence(asked.alone, retriever.encode([asked.alone])[0])
            yield Case(guide, "curated", asked, [(1.0, evidence)], retriever, set())


def learn_ranking(training: list[Case]) -> np.ndarray:
    """Return the weights that maximise the softmax probability of the answering sentences, with an L2 penalty."""
    pairs = [(case.evidence.features, np.isin(case.evidence.rows, list(case.gold))) for case in training]
    spread = np.vstack([features for features, _ in pairs]).std(axis=0) + 1e-6

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        total, slope = 0.0, np.zeros_like(weights)
        for features, answers in pairs:
            scaled = features / spread
            scores = scaled @ weights
            chances = np.exp(scores - scores.max())
            chances /= chances.sum()
            mass = (chances * answers).sum() + 1e-12
            total -= np.log(mass)
            slope -= scaled.T @ (chances * answers / mass - chances)
        return (
            total / len(pairs) + RANKING_L2 * weights @ weights,
            slope / len(pairs) + 2 * RANKING_L2 * weights,
        )

    return minimize(loss, np.zeros(len(FEATURES)), jac=True, method="L-BFGS-B").x / spread


def shown_at(tested: list[Case], weights: np.ndarray, limits: tuple[int, ...] = (300, 600, 1200)) -> list[float]:
    """Return for each limit the share of cases where an answering sentence lies within so many characters, by rank."""
    found = []
    for case in tested:
        evidence = case.evidence
        used = 0
        for position in np.argsort(-(evidence.features @ weights), kind="stable"):
            row = int(evidence.rows[position])
            used += len(case.retriever.layout.sentences[row]) + 1
            if row in case.gold:
                break
        found.append([used <= limit for limit in limits])
    return [round(float(share), 3) for share in np.mean(found, axis=0)]


def signs_of(case: Case, weights: np.ndarray) -> list[float]:
    evidence = case.evidence
    import wellcited.retrieval as retrieval

    retrieval.weights = lambda: weights.astype(np.float32)  # the signs rank with the weights under test
    texts = evidence.texts(case.retriever.layout)
    stems = case.retriever.question_terms(case.asked.alone)
    found = confidence.signs(case.asked.alone, case.asked.leaning, stems, evidence, texts, case.retriever.lexical)
    return [found[name] for name in confidence.SIGNS]


def learn_confidence(table: np.ndarray, answerable: np.ndarray) -> tuple[np.ndarray, float]:
    """Return weights and bias of a logistic regression in which both classes weigh the same."""
    scale = StandardScaler().fit(table)
    model = LogisticRegression(C=CONFIDENCE_C, class_weight="balanced", max_iter=1000)
    model.fit(scale.transform(table), answerable)
    weights = model.coef_[0] / scale.scale_
    return weights, float(model.intercept_[0] - weights @ scale.mean_)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="print the figures, write nothing")
    arguments = parser.parse_args()

    everything: list[Case] = []
    with tempfile.TemporaryDirectory() as folder:
        for guide, files in sorted(guides().items()):
            retriever = open_guide(files, Path(folder) / guide)
            everything.extend(cases(guide, retriever))
            if guide == "iliopsoas-plain":
                everything.extend(curated_cases(guide, retriever))

    ranked = [case for case in everything if case.kind in RANKED_KINDS and case.gold]
    judged = [case for case in everything if case.kind != "smalltalk" and case.kind != "compound"]
    answerable = np.array([case.kind not in SILENT_KINDS for case in judged])
    cosine = np.array([float(name == "sentence") for name in FEATURES])

    print(f"{'guide left out':18}{'questions':>10}   shown@300/600/1200, cosine alone   learned")
    logits = np.zeros(len(judged))
    subjects = sorted({case.guide.removesuffix("-plain") for case in everything})
    for subject in subjects:
        others = [case for case in ranked if case.guide.removesuffix("-plain") != subject]
        weights = learn_ranking(others)
        for guide in sorted({case.guide for case in everything if case.guide.removesuffix("-plain") == subject}):
            tested = [case for case in ranked if case.guide == guide]
            print(f"{guide:18}{len(tested):10}   {shown_at(tested, cosine)!s:32}  {shown_at(tested, weights)}")
        table = np.array([signs_of(case, weights) for case in judged])
        inside = np.array([case.guide.removesuffix("-plain") != subject for case in judged])
        slope, bias = learn_confidence(table[inside], answerable[inside])
        logits[~inside] = table[~inside] @ slope + bias

    asked_freely = np.array([case.kind in RANKED_KINDS for case in judged])
    limit = float(np.quantile(logits[asked_freely], FALSE_DECLINES))
    for kind in ("single", "followup", "curated", *SILENT_KINDS):
        chosen = np.array([case.kind == kind for case in judged])
        print(f"{kind:14} declined {np.mean(logits[chosen] < limit):.3f} of {chosen.sum()}")

    weights = learn_ranking(ranked)
    slope, bias = learn_confidence(np.array([signs_of(case, weights) for case in judged]), answerable)
    if arguments.dry_run:
        return
    ranking = {name: round(float(weight), 4) for name, weight in zip(FEATURES, weights, strict=True)}
    signs = {name: round(float(weight), 4) for name, weight in zip(confidence.SIGNS, slope, strict=True)}
    threshold = round(float(1 / (1 + np.exp(-limit))), 4)
    write("ranking.json", {"weights": ranking})
    write("confidence.json", {"bias": round(bias, 4), "threshold": threshold, "weights": signs})


def write(name: str, table: dict[str, object]) -> None:
    text = json.dumps({"learned_by": "benchmarks/train_ranking.py", **table}, indent=1)
    (DATA / name).write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
