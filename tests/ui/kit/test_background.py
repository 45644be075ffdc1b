from typing import Any

import pytest

from fcnlab.errors import FcnlabError
from fcnlab.ui.kit.background import Answers, Newest


def test_only_the_newest_question_is_answered():
    answered: list[int] = []

    def answer(question: int, superseded: Any) -> None:
        if question == 0:
            while not superseded():
                pass
        answered.append(question)

    worker = Newest(answer)
    for question in range(4):
        worker.ask(question)
    assert worker.wait(5)
    assert answered[-1] == 3
    assert len(answered) <= 3


def test_a_question_that_fails_does_not_keep_the_next_from_its_answer(monkeypatch: pytest.MonkeyPatch):
    told: list[Any] = []
    monkeypatch.setattr("threading.excepthook", lambda arguments: told.append(arguments.exc_value))
    answered: list[int] = []

    def answer(question: int, _: Any) -> None:
        answered.append(1 // question)

    worker = Newest(answer, rest_s=0.0)
    worker.ask(0)
    assert worker.wait(5)
    worker.ask(1)
    assert worker.wait(5)
    assert answered == [1]
    assert [type(error) for error in told] == [ZeroDivisionError]


def test_answers_are_remembered_told_and_forgotten():
    told: list[str] = []
    answers: Answers[int, str] = Answers(
        lambda question, _: f"answer {question}", refuse=lambda question, why: why, tell=told.append, rest_s=0.0
    )
    assert answers.recall(7) is None
    answers.ask(7)
    assert answers.wait(5)
    assert answers.recall(7) == "answer 7"
    assert told == ["answer 7"]
    answers.forget()
    assert answers.recall(7) is None


def test_what_cannot_be_answered_is_refused_with_the_reason():
    def find(question: int, superseded: Any) -> str | None:
        if question == 1:
            raise FcnlabError("It is impossible.")
        return None if superseded() else str(1 // question)

    told: list[str] = []
    answers = Answers(find, refuse=lambda question, why: f"{question}: {why}", tell=told.append)
    answers.answer(1, lambda: False)
    answers.answer(0, lambda: False)
    answers.answer(5, lambda: True)
    assert told == [
        "1: It is impossible.",
        "0: This was not foreseen (ZeroDivisionError: integer division or modulo by zero).",
    ]
    assert answers.recall(1) == told[0]
    assert answers.recall(5) is None, "it was given up"
