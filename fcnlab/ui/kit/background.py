"""Work beside the sliders: the newest question is answered in a thread, and the answer remembered."""

import sys
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from fcnlab.errors import FcnlabError

T = TypeVar("T")
A = TypeVar("A")
Superseded = Callable[[], bool]


def unforeseen(error: Exception) -> str:
    """What to say of an exception that nobody foresaw."""
    return f"This was not foreseen ({type(error).__name__}: {error})."


class Newest(Generic[T]):
    """Answers the newest question in a thread; older ones that still wait are dropped.

    Args:
        answer: Called in the thread with a question, and a function that says whether a newer one has come. It sets
            traits with what it finds. What it raises is told by `threading.excepthook`, and the next question answered.
        rest_s: How long no newer question must come before work begins, so that it does not slow a hand that moves.
    """

    def __init__(self, answer: Callable[[T, Superseded], None], *, rest_s: float = 0.15) -> None:
        self._answer, self._rest_s = answer, rest_s
        self._waiting: list[T] = []
        self._condition = threading.Condition()
        self._busy = False

    def ask(self, question: T) -> None:
        """Give up what waits, and answer this instead."""
        with self._condition:
            self._waiting = [question]
            self._condition.notify_all()
            if not self._busy:
                self._busy = True
                threading.Thread(target=self._work, daemon=True).start()

    def wait(self, timeout_s: float = 60.0) -> bool:
        """Wait until everything is answered; False if `timeout_s` passed first."""
        with self._condition:
            return self._condition.wait_for(lambda: not self._busy, timeout_s)

    def _work(self) -> None:
        while True:
            with self._condition:
                if not self._waiting:
                    self._busy = False
                    self._condition.notify_all()
                    return
                question = self._waiting[0]
                if self._condition.wait(self._rest_s):  # told that a newer one has come
                    continue
                self._waiting.clear()
            try:
                self._answer(question, lambda: bool(self._waiting))
            except Exception:
                # It is told where threads tell; without this the thread would end, and no question be answered again.
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))


class Answers(Newest[T], Generic[T, A]):
    """Finds answers in a thread, the newest question first, and remembers them.

    Args:
        find: Called in the thread with a question, and a function that says whether a newer one has come; it returns
            what to remember, or None where it gave up.
        refuse: Makes the answer to a question that cannot be answered, from a sentence that says why.
        tell: Called with each answer, from the thread.
    """

    def __init__(
        self,
        find: Callable[[T, Superseded], A | None],
        *,
        refuse: Callable[[T, str], A],
        tell: Callable[[A], None],
        rest_s: float = 0.15,
    ) -> None:
        super().__init__(self.answer, rest_s=rest_s)
        self._find, self._refuse, self._tell = find, refuse, tell
        self.known: dict[T, A] = {}

    def recall(self, question: T) -> A | None:
        """The answer, if it is known already."""
        return self.known.get(question)

    def forget(self) -> None:
        """Forget all answers: what they rest on has changed."""
        self.known.clear()

    def answer(self, question: T, superseded: Superseded) -> None:
        """Find one answer, remember and tell it; a thread has nobody else to tell of what goes wrong."""
        try:
            found = self._find(question, superseded)
        except FcnlabError as error:
            found = self._refuse(question, str(error))
        except Exception as error:
            found = self._refuse(question, unforeseen(error))
        if found is not None:
            self.known[question] = found
            self._tell(found)
