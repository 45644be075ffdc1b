"""Pages: what is said once is text and HTML alike, and nothing in it can become markup."""

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
    assert str(Result()).splitlines() == [
        "said <once>", "Costs, all", "layer    HOPs", "conv1  12,345", "<b>         –", "total  12,345",
    ]  # fmt: skip
    html = Result()._repr_html_()
    assert "said &lt;once&gt;" in html
    assert "<td>&lt;b&gt;</td><td>–</td>" in html
    assert '<tr class="total"><td>total</td><td>12,345</td></tr>' in html
    assert "empty" not in html


def test_sentences_have_kinds_and_titles() -> None:
    assert Sentence("right", kind="verdict", title="All ").text() == "All right"
    assert Sentence("right", kind="verdict", title="All ").html() == '<p class="verdict"><b><b>All </b>right</b></p>'
    assert Sentence("").html() == ""


def test_nouns_follow_their_number() -> None:
    assert [counted(1, "pass"), counted(2, "pass"), counted(1_000, "image"), counted(2, "batch"), counted(0, "thread")] == [
        "1 pass", "2 passes", "1,000 images", "2 batches", "0 threads",
    ]  # fmt: skip
