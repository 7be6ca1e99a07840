"""A curriculum and a policy inside a PyTorch training loop; imports nothing of FiftyOne."""
