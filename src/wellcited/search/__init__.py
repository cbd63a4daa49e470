"""The two searches behind retrieval: vectors (FAISS) and terms (BM25)."""
