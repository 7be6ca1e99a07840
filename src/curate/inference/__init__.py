"""Models to embeddings, logits and transformed views; the out-of-fold probe."""
