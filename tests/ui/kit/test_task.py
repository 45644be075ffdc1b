from typing import Any

from fcnlab.ui.kit.task import Step, Task, TaskPanel


def count_up(*, to: int, progress: Any) -> int:
    for step in range(to):
        progress(Step(f"step {step}", step, to))
    return to


def test_a_task_ends_with_its_result_or_its_reason():
    task = Task(count_up)
    task.start(to=5)
    task.wait()
    assert (task.state, task.result) == ("done", 5)
    task.start(to="x")
    task.wait()
    assert task.state == "failed"
    assert "TypeError" in task.message
    assert task.result == 5
    task.start(to=10**9)
    task.cancel()
    task.wait()
    assert task.state == "cancelled"


def panel_of(task: Task) -> TaskPanel:
    return TaskPanel(task, label="Count", start=lambda: task.start(to=3), cost="A moment.", loading="Loading")


def words(panel: TaskPanel) -> str:
    return panel.widget.children[-1].value.rpartition("</style>")[2]


def test_a_panel_says_what_it_costs_where_it_stands_and_how_it_ended():
    task = Task(count_up)
    panel = panel_of(task)
    assert "A moment." in words(panel)
    assert panel.start_button.tooltip == "A moment."
    panel.start_button.click()
    assert panel.start_button.disabled
    task.wait()
    assert "Done in" in words(panel)
    task.progress, task.state = None, "running"
    assert "Loading" in words(panel)
    task.progress = Step("step 1", 1, 4)
    assert "step 1 · 1 of 4" in words(panel)
    assert panel.widget.children[1].value == 0.25
    task.message, task.state = "It was not to be.", "failed"
    assert '<div class="error">It was not to be. What is shown below is the run before.</div>' in words(panel)


def test_cancel_is_there_only_while_something_runs():
    task = Task(count_up)
    panel = panel_of(task)
    shown = []
    for state in ("running", "done", "running", "cancelled", "running", "failed"):
        shown.append(panel.cancel_button.layout.display)
        task.state = state
    assert shown == ["none", "flex"] * 3


def test_an_obstacle_forbids_the_start_and_is_said():
    panel = panel_of(Task(count_up))
    panel.forbid("Draw < first.")
    assert panel.start_button.disabled
    assert panel.start_button.tooltip == "Draw < first."
    assert '<div class="obstacle">Draw &lt; first.</div>' in words(panel)
    panel.forbid("")
    assert not panel.start_button.disabled
    assert "obstacle" not in words(panel)
