"""The fixtures that these tests share."""

from gaze_project import project, recorded

__all__ = ["project", "recorded"]
