"""Speed and memory: this project's training against a textbook implementation, in one run."""
