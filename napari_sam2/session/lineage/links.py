"""Parent links of objects that are merged."""

from __future__ import annotations

from napari_sam2.session.objects import ObjectList


def merge_links(objects: ObjectList, source_id: int, target_id: int) -> None:
    """Give the parent and the daughters of an object to the one that it is merged into.

    A parent that the other object has stays. The link between both is removed; so is a link that
    would make the other object its own ancestor.
    """
    lineage = objects.lineage
    above = lineage.parent(target_id)
    if above in (None, source_id):
        above = lineage.parent(source_id)
    ancestors = _ancestors(objects, above)
    objects.set_parent(target_id, None if target_id in ancestors else above)
    kept = _ancestors(objects, target_id)
    for daughter in lineage.daughters(source_id):
        if daughter != target_id:
            objects.set_parent(daughter, None if daughter in kept else target_id)


def _ancestors(objects: ObjectList, object_id: int | None) -> list[int]:
    """Return an object and all its ancestors; nothing of None."""
    parents, found = objects.lineage.parents, []
    while object_id is not None:
        found.append(object_id)
        object_id = parents.get(object_id)
    return found
