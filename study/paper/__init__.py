"""The paper's own table and figures, made again."""
