"""The widget's traits."""

import pytest
from tiny_galleries import recorded, small_writer

from dcrw.explorer import Explorer
from dcrw.explorer.gallery import ExplorerError


def test_a_model_that_is_not_in_the_gallery_is_named() -> None:
    with pytest.raises(ExplorerError, match="nothing is not among"):
        Explorer(recorded({"first": small_writer()}), models=["nothing"])
