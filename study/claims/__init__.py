"""The paper's claims: what they are measured by, and how they are judged."""
