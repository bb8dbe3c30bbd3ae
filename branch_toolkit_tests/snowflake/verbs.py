"""The verbs as things to be disturbed: what there is before, and what there has to be after."""

from __future__ import annotations

from dataclasses import dataclass

from branch_toolkit_tests.snowflake.scene import CLONE, Act, Scene


@dataclass(frozen=True)
class Verb:
    """A verb.

    Args:
        prepare: What there is before.
        act: Does it.
        reached: Fails unless it is done.
        clone_by: How clones are made.
    """

    prepare: Act
    act: Act
    reached: Act
    clone_by: str = "schema"


def _absent(scene: Scene) -> None:
    if CLONE in scene.schemas:
        scene.retire()
        scene.drop()
    assert scene.made == set()


def _in_use(scene: Scene) -> None:
    if CLONE not in scene.schemas:
        scene.provision()
    scene.restore()


def _worked_in(scene: Scene) -> None:
    _in_use(scene)
    scene.work_in_branch()


def _retired(scene: Scene) -> None:
    _in_use(scene)
    scene.retire()


def _is_whole(scene: Scene) -> None:
    scene.assert_only(CLONE)
    found = scene.environment()
    assert found is not None
    assert not found.retired


def _is_retired(scene: Scene) -> None:
    scene.assert_only(CLONE)
    found = scene.environment()
    assert found is not None
    assert found.retired


def _is_gone(scene: Scene) -> None:
    scene.assert_only()


VERBS = {
    "provision by schema": Verb(_absent, Scene.provision, _is_whole),
    "provision by table": Verb(_absent, Scene.provision, _is_whole, clone_by="tables"),
    "refresh": Verb(_worked_in, Scene.refresh, _is_whole),
    "retire": Verb(_in_use, Scene.retire, _is_retired),
    "restore": Verb(_retired, Scene.restore, _is_whole),
    "drop": Verb(_retired, Scene.drop, _is_gone),
}
