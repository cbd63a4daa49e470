"""From files to documents to passages: one reader per format, one splitter for all of them."""
