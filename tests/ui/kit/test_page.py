import ipywidgets as widgets

from fcnlab.page import Sentence, Table
from fcnlab.ui.kit.page import STYLE, Folded, Markup, Page, Stale, Tiles, View

HEADS = ("layer", "HOPs")


def test_the_text_and_the_html_hold_the_same_facts() -> None:
    table = Table(HEADS, [["fc1", 1200], ["fc2", None]], total=["sum", 1200], title="Layers", about=", one pass")
    page = Page("4 < 5.", table, Sentence("Nothing.", kind="plain"))
    assert page.text() == ("4 < 5.\nLayers, one pass\nlayer   HOPs\nfc1    1,200\nfc2        –\nsum    1,200\nNothing.")
    assert page.html() == (
        '<p class="note">4 &lt; 5.</p><p><b>Layers</b>, one pass</p><div class="scroll"><table>'
        "<thead><tr><th>layer</th><th>HOPs</th></tr></thead><tbody><tr><td>fc1</td><td>1,200</td></tr>"
        '<tr><td>fc2</td><td>–</td></tr><tr class="total"><td>sum</td><td>1,200</td></tr></tbody></table></div>'
        "<p>Nothing.</p>"
    )
    assert page.live == f'<style>\n{STYLE}</style><div class="fcn">{page.html()}</div>'


def test_what_is_empty_leaves_no_trace() -> None:
    page = Page("", None, Table(HEADS, [], title="Layers"), Page(), "One.")
    assert page.text() == "One."
    assert page.html() == '<p class="note">One.</p>'


def test_a_sentence_is_never_markup() -> None:
    assert Sentence("<b>", kind="verdict").html() == '<p class="verdict"><b>&lt;b&gt;</b></p>'
    assert Tiles({"<a>": "<1>"}).html() == (
        '<div class="tiles"><div class="tile"><b>&lt;1&gt;</b><span>&lt;a&gt;</span></div></div>'
    )
    assert Folded("a & b").html() == "<details><summary><b>a &amp; b</b></summary></details>"


def test_pictures_and_large_numbers_are_for_the_eye() -> None:
    page = Page(Tiles({"encrypt": "1.2 s"}), Markup("<img>"), Markup("2<sup>3</sup>", words="2^3"))
    assert page.text() == "2^3"
    assert page.html().endswith("<img>2<sup>3</sup>")


def test_folded_and_stale_parts_are_in_the_text_too() -> None:
    page = Page(Sentence("Yes.", kind="verdict"), "Since so.", Folded("more", "Deep."), Stale("Old:", "Past."))
    assert page.text() == "Yes.\nSince so.\nDeep.\nPast."
    assert page.html() == (
        '<p class="verdict"><b>Yes.</b></p><p class="note">Since so.</p>'
        '<details><summary><b>more</b></summary><p class="note">Deep.</p></details>'
        '<p class="note"><i>Old:</i></p><div class="stale" style="opacity: .45"><p class="note">Past.</p></div>'
    )


def test_a_view_shows_its_page_to_readers_without_a_kernel() -> None:
    view = View(widgets.HTML("live"), lambda: Page("A fact."))
    bundle = view._repr_mimebundle_()
    assert repr(view) == bundle["text/plain"] == "A fact."
    assert bundle["text/html"] == '<p class="note">A fact.</p>'
    assert "application/vnd.jupyter.widget-view+json" in bundle
