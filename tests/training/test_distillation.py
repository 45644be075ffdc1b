"""On a few images: caching, and the loss against its formula."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch

from fcnlab.data.mnist import load_mnist
from fcnlab.networks.architectures import teacher
from fcnlab.networks.fitting import load_state
from fcnlab.training import distillation
from fcnlab.training.distillation import Lessons, distillation_loss, prepare_lessons, training_images
from fcnlab.training.recipes import GENTLE_WARP, TeacherRecipe

TINY = TeacherRecipe(epochs=1, lessons=2, images=512)


@pytest.fixture(scope="module", autouse=True)
def _one_reading_of_mnist() -> Iterator[None]:
    """Unpack and verify the data once for all the short runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distillation, "load_mnist", cache(load_mnist))
        yield


def quiet(*_: object) -> None:
    """A listener that says nothing."""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def lessons(work: Path) -> Lessons:
    return prepare_lessons(TINY, work=work, tell=quiet)


def test_a_lesson_holds_warped_images_and_logits(lessons: Lessons) -> None:
    first, second, third = lessons[0], lessons[1], lessons[2]
    assert first.pixels.shape == (512, 1, 28, 28)
    assert first.pixels.dtype == torch.uint8
    assert first.logits.shape == (512, 10)
    assert not torch.equal(first.pixels, second.pixels)
    assert torch.equal(first.pixels, third.pixels)
    training, _ = training_images(TINY)
    assert torch.equal(first.labels, torch.tensor(training.labels))


def test_what_is_done_is_not_done_again(lessons: Lessons, work: Path) -> None:
    calls: list[str] = []
    lessons.files[1].unlink()
    before = lessons[0].pixels
    again = prepare_lessons(TINY, work=work, tell=lambda phase, *_: calls.append(phase))
    assert set(calls) == {"lessons"}
    assert torch.equal(again[0].pixels, before)
    calls.clear()
    prepare_lessons(TINY, work=work, tell=lambda phase, *_: calls.append(phase))
    assert calls == []


def test_another_recipe_has_another_folder(lessons: Lessons, work: Path) -> None:
    other = replace(TINY, lessons=1, lesson_warp=replace(GENTLE_WARP, shift_pixels=0.5))
    assert prepare_lessons(other, work=work, tell=quiet).files[0].parent != lessons.files[0].parent


def test_several_members_teach_by_the_mean_of_their_logits(tmp_path: Path) -> None:
    recipe = replace(TINY, members=2, lessons=1, images=512)
    steps: list[tuple[object, ...]] = []
    lesson = prepare_lessons(recipe, work=tmp_path, tell=lambda *step: steps.append(step[:3]))[0]
    assert steps == [("teacher", 1, 2), ("teacher", 2, 2), ("lessons", 1, 1)]
    opinions = []
    for path in sorted(tmp_path.glob("*/member-*.safetensors")):
        member = teacher()
        member.load_state_dict(load_state(path)[0]["network"])
        with torch.no_grad():
            opinions.append(member.eval()(lesson.pixels / 256))
    first, second = opinions
    assert not torch.allclose(first, second, atol=0.1)
    torch.testing.assert_close(lesson.logits.float(), (first + second) / 2, atol=0.02, rtol=0.01)


def test_no_test_image_is_learnt_from() -> None:
    training, validation = training_images(TeacherRecipe())
    assert (len(training), len(validation)) == (55_000, 5_000)
    learnt = {image.tobytes() for image in training.pixels}
    assert not any(image.tobytes() in learnt for image in validation.pixels[:500])
    assert not any(image.tobytes() in learnt for image in load_mnist("test").pixels[:500])


@pytest.mark.parametrize(("temperature", "share"), [(3.0, 0.9), (1.5, 0.8)])
def test_the_loss_is_soft_and_hard_cross_entropy(temperature: float, share: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits, goal = torch.randn(6, 10, generator=generator), torch.randn(6, 10, generator=generator)
    labels = torch.arange(6)
    soft = (goal / temperature).softmax(1)
    divergence = (soft * (soft.log() - (logits / temperature).log_softmax(1))).sum(1).mean()
    hard = -logits.log_softmax(1)[torch.arange(6), labels].mean()
    expected = share * temperature**2 * divergence + (1 - share) * hard
    loss = distillation_loss(logits, goal=goal, labels=labels, temperature=temperature, soft_share=share)
    torch.testing.assert_close(loss, expected)
