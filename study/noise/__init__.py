"""The chapter on reused noise: what it does to the losses, and what Table I could be."""
