"""Pages: what is said once is text and HTML alike, and nothing in it can become markup."""

import pytest
from typing_extensions import override

from fcnlab.page import Page, Sentence, Shown, Table, counted

TABLE = Table(
    ["layer", "HOPs"], [["conv1", 12_345], ["<b>", None]], total=["total", 12_345], title="Costs", about=", all"
)


class Result(Shown):
    @override
    def page(self) -> Page:
        return Page("said <once>", None, TABLE, Table(["empty"], []))


def test_a_result_prints_as_its_page_and_shows_as_one() -> None:
    lines = ["said <once>", "Costs, all", "layer    HOPs", "conv1  12,345", "<b>         –", "total  12,345"]
    assert str(Result()).splitlines() == lines
    html = Result()._repr_html_()
    assert "said &lt;once&gt;" in html
    assert "<td>&lt;b&gt;</td><td>–</td>" in html
    assert '<tr class="total"><td>total</td><td>12,345</td></tr>' in html
    assert "empty" not in html


def test_sentences_have_kinds_and_titles() -> None:
    assert Sentence("right", kind="verdict", title="All ").text() == "All right"
    assert Sentence("right", kind="verdict", title="All ").html() == '<p class="verdict"><b><b>All </b>right</b></p>'
    assert Sentence("").html() == ""


@pytest.mark.parametrize(
    ("count", "noun", "said"),
    [
        (1, "pass", "1 pass"),
        (2, "pass", "2 passes"),
        (1_000, "image", "1,000 images"),
        (2, "batch", "2 batches"),
        (0, "thread", "0 threads"),
    ],
)
def test_nouns_follow_their_number(count: int, noun: str, said: str) -> None:
    assert counted(count, noun) == said
