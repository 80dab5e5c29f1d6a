"""Deterministic synthetic inputs (numpy only): moving textured blobs on a textured background."""

import numpy as np


def _grid(h, w):
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    return (y + 0.5) / h, (x + 0.5) / w


def objects(seed, n_obj, t, n_frames):
    """Center (x, y) and radii, all as fractions of width / height, of each blob at frame t."""
    g = np.random.Generator(np.random.PCG64(1000 + seed))
    out = []
    for _ in range(n_obj):
        c = g.uniform(0.25, 0.75, 2)
        v = g.uniform(-0.25, 0.25, 2)
        r = g.uniform(0.10, 0.2, 2)
        ph = g.uniform(0, 6.28)
        s = t / max(1, n_frames - 1)
        out.append(
            (c[0] + v[0] * s, c[1] + v[1] * s, r[0] * (1 + 0.2 * np.sin(6.28 * s + ph)), r[1])
        )
    return out


def mask(seed, i, h, w, t=0, n_frames=8, n_obj=2):
    """Boolean ground-truth ellipse of object i on frame t."""
    y, x = _grid(h, w)
    cx, cy, rx, ry = objects(seed, n_obj, t, n_frames)[i]
    return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1.0


def point(seed, i, h, w, t=0, n_frames=8, n_obj=2, dx=0.0, dy=0.0):
    """Pixel (x, y) at the blob center, moved by (dx, dy) radii."""
    cx, cy, rx, ry = objects(seed, n_obj, t, n_frames)[i]
    return np.array([(cx + dx * rx) * w, (cy + dy * ry) * h], np.float32)


def box(seed, i, h, w, t=0, n_frames=8, n_obj=2):
    cx, cy, rx, ry = objects(seed, n_obj, t, n_frames)[i]
    return np.array([(cx - rx) * w, (cy - ry) * h, (cx + rx) * w, (cy + ry) * h], np.float32)


def frame(seed, h, w, t=0, n_frames=8, n_obj=2):
    """RGB uint8 HxWx3."""
    y, x = _grid(h, w)
    g = np.random.Generator(np.random.PCG64(seed))
    img = np.zeros((h, w, 3))
    for c in range(3):
        a = g.uniform(4, 18, 4)
        p = g.uniform(0, 6.28, 2)
        img[..., c] = (
            110
            + 40 * np.sin(a[0] * x + a[1] * y + p[0])
            + 25 * np.sin(a[2] * 3 * x - a[3] * 3 * y + p[1])
        )
    for i in range(n_obj):
        m = mask(seed, i, h, w, t, n_frames, n_obj)
        col = g.uniform(30, 230, 3)
        f = g.uniform(30, 80)
        tex = 30 * np.sin(f * x + i) * np.cos(f * y)
        img[m] = (col[None, None] + tex[..., None])[m]
    noise = np.random.Generator(np.random.PCG64(seed * 7919 + t)).normal(0, 4, (h, w, 3))
    return np.clip(np.rint(img + noise), 0, 255).astype(np.uint8)


def frames(seed, n, h, w, n_obj=2):
    return [frame(seed, h, w, t, n, n_obj) for t in range(n)]
