from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.core.lru_cache import LRUCache


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 20))), st.integers(1, 60))
def test_the_limit_holds_and_the_newest_value_is_kept(puts, limit):
    cache = LRUCache(limit)
    for key, size in puts:
        cache.put(key, np.zeros(size, np.uint8))
        assert cache.get(key).nbytes == size
        assert cache.nbytes <= max(limit, size)
        assert cache.nbytes == sum(cache.get(k).nbytes for k in range(10) if k in cache)


def test_the_least_recently_used_value_is_dropped():
    cache = LRUCache(20)
    cache.put("a", np.zeros(10, np.uint8))
    cache.put("b", np.zeros(10, np.uint8))
    assert cache.get("a") is not None
    cache.put("c", np.zeros(10, np.uint8))
    assert ("a" in cache, "b" in cache, "c" in cache) == (True, False, True)


def test_clear_removes_all():
    cache = LRUCache(20)
    cache.put("a", np.zeros(10, np.uint8))
    cache.clear()
    assert (cache.get("a"), cache.nbytes) == (None, 0)
