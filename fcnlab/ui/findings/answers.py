"""The answers of lab 07 to all four questions at a glance."""

import ipywidgets as widgets

from fcnlab.data.defaults import DEFAULT_NETWORK
from fcnlab.findings import ablation, expressiveness, reduction, scaling
from fcnlab.findings.networks import describe_table
from fcnlab.page import escape
from fcnlab.ui.kit.page import Markup, Page, View


def answers() -> View:
    """The answers, each number of them from the tables as they are now."""
    page = Page(*(answer_part(question, answer) for question, answer in answers_of().items()))
    return View(widgets.HTML(page.live), lambda: page)


def answers_of() -> dict[str, str]:
    """Each question with its answer."""
    facts, plans = reduction.read_reduction(), scaling.plan_network(DEFAULT_NETWORK, "bgv")
    return {
        "RQ1 How do operations and time fall?": reduction.answer(facts),
        "RQ2 What do powers of two cost an activation?": expressiveness.answer(facts.networks),
        "RQ3 What does each choice cost in accuracy?": ablation.answer(facts.networks),
        "RQ4 How does it scale?": " ".join(scaling.sentences(plans, facts.runs)),
        "What this rests on": describe_table(facts.networks),
    }


def answer_part(question: str, answer: str) -> Markup:
    """An answer under its question."""
    markup = f'<p class="note"><b>{escape(question)}</b><br>{escape(answer)}</p>'
    return Markup(markup, words=f"{question}\n  {answer}")
