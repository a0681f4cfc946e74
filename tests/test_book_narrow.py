"""A narrow screen is offered a figure's form for it."""

import hashlib
import sys
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup
from common import ROOT

sys.path.insert(0, str(ROOT / "book" / "_ext"))

import dcrw_narrow


@pytest.fixture
def known(tmp_path):
    """Results with one figure of both forms, one of the wide form alone, one of the narrow."""
    folder = tmp_path / "results" / "mine" / "figures"
    folder.mkdir(parents=True)
    for name in ("both.png", "both_narrow.png", "wide.png", "gone_narrow.png"):
        (folder / name).write_bytes(name.encode())
    config = SimpleNamespace()
    dcrw_narrow.find(SimpleNamespace(srcdir=tmp_path, config=config))
    return config.dcrw_narrow


def test_forms_belong_together_by_name_and_are_known_by_content(known):
    key = hashlib.sha256(b"both.png").hexdigest()
    assert {name: path.name for name, path in known.items()} == {key: "both_narrow.png"}


def test_a_picture_gets_its_narrow_form_and_the_link_stays_wide(known):
    (key,) = known
    body = f'<a href="../_images/{key}.png"><img alt="x" src="../_images/{key}.png"/></a>'
    written, taken = dcrw_narrow.offered(body + '<img src="../_images/other.png"/>', known)
    page = BeautifulSoup(written, "html.parser")
    assert [path.name for path in taken] == ["both_narrow.png"]
    assert page.source["srcset"] == "../_images/mine_both_narrow.png"
    assert page.source["media"] == "(max-width: 575px)"
    assert page.a["href"].endswith(f"{key}.png") and page.a.picture.img["alt"] == "x"
    assert len(page.find_all("picture")) == 1


def test_the_file_is_copied_to_where_the_page_looks(known, tmp_path):
    (key,) = known
    app = SimpleNamespace(
        builder=SimpleNamespace(format="html"),
        config=SimpleNamespace(dcrw_narrow=known),
        outdir=tmp_path / "html",
    )
    (tmp_path / "html").mkdir()
    context = {"body": f'<img src="_images/{key}.png"/>'}
    dcrw_narrow.offer(app, "page", "", context, None)
    assert "mine_both_narrow.png" in context["body"]
    copied = tmp_path / "html" / "_images" / "mine_both_narrow.png"
    assert copied.read_bytes() == b"both_narrow.png"
