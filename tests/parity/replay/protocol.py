"""Replay a stored case through `tests/parity/adapter.py`, whose functions it calls, and compare."""

import numpy as np

from . import inputs
from .weights import fill_state_dict

DEFAULT_OPTIONS = {
    "binarize_mask_from_pts": True,
    "dynamic_multimask": True,
    "non_overlap_masks": False,
    "add_all_frames_to_correct_as_cond": False,
    "fill_hole_area": 0,
    "max_cond_frames_in_attn": -1,
    "image_size": 1024,
    "memory_dtype": "bfloat16",
}


def state_dict_for(case, shapes):
    w = case["weights"]
    return fill_state_dict(
        shapes, w.get("seed", 0), w.get("profile", "default"), w.get("overrides")
    )


def image_of(s):
    return inputs.frame(s["seed"], s["h"], s["w"], s.get("t", 0), s.get("n", 8), s.get("n_obj", 2))


def mask_of(s):
    return inputs.mask(
        s["seed"], s["obj"], s["h"], s["w"], s.get("t", 0), s.get("n", 8), s.get("n_obj", 2)
    )


def stats(a):
    """mean, std, max|.|, fraction > 0 over the WHOLE array (before subsampling)."""
    a = np.asarray(a, np.float64)
    return np.array([a.mean(), a.std(), np.abs(a).max(), (a > 0).mean()], np.float64)


def put(out, name, a, step=1):
    a = np.asarray(a, np.float32)
    out[name + "/stats"] = stats(a)
    out[name] = a[..., ::step, ::step] if step > 1 else a


def run_encoder(ad, model, case):
    out = {}
    for i, f in enumerate(ad.encode_image(model, image_of(case["image"]))):
        f = np.asarray(f, np.float32)
        out[f"fpn{i}/stats"] = stats(f)
        out[f"fpn{i}"] = f[:: case["channel_step"], :: case["step"][i], :: case["step"][i]]
    return out


def run_image(ad, model, case):
    out, img, prev = {}, image_of(case["image"]), {}

    def arr(v):
        return None if v is None else np.asarray(v, np.float32)

    for c in case["calls"]:
        mi = c.get("mask_input")
        if mi is not None:  # the earlier call's best mask of batch entry 0
            lr, io = prev[mi]
            mi = lr[0, int(np.argmax(io[0]))][None]
        lab = None if c.get("labels") is None else np.asarray(c["labels"], np.int32)
        lr, io, full = ad.image_predict(
            model, img, arr(c.get("points")), lab, arr(c.get("box")), mi, c["multimask"]
        )
        prev[c["name"]] = (lr, io)
        put(out, c["name"] + "/low_res", lr, case.get("low_step", 4))
        put(out, c["name"] + "/full", full, case.get("full_step", 2))
        put(out, c["name"] + "/ious", io)
    return out


def run_video(ad, model, case):
    v = case["video"]
    fr = inputs.frames(v["seed"], v["n"], v["h"], v["w"], v.get("n_obj", 2))
    s = ad.video(model, fr)
    out, ls, fs = {}, case.get("low_step", 8), case.get("full_step", 4)

    def record(tag, frame, objs, full):
        put(out, f"{tag}/f{frame}/full", full, fs)
        out[f"{tag}/f{frame}/ids"] = np.asarray(objs, np.int32)
        if hasattr(s, "output"):
            for o in objs:
                r = s.output(frame, o)
                if r is not None:
                    put(out, f"{tag}/f{frame}/o{o}/low_res", r["low_res"], ls)
                    put(out, f"{tag}/f{frame}/o{o}/obj_ptr", r["obj_ptr"])
                    put(out, f"{tag}/f{frame}/o{o}/object_score", np.asarray([r["object_score"]]))

    ids = []
    for k, op in enumerate(case["ops"]):
        tag, name = f"op{k}", op["op"]
        if name == "points":
            if op["obj"] not in ids:
                ids.append(op["obj"])
            full = s.add_points(
                op["frame"],
                op["obj"],
                None if op.get("points") is None else np.asarray(op["points"], np.float32),
                None if op.get("labels") is None else np.asarray(op["labels"], np.int32),
                None if op.get("box") is None else np.asarray(op["box"], np.float32),
                op.get("clear_old", True),
            )
            record(tag, op["frame"], ids, full)
        elif name == "mask":
            if op["obj"] not in ids:
                ids.append(op["obj"])
            record(tag, op["frame"], ids, s.add_mask(op["frame"], op["obj"], mask_of(op["mask"])))
        elif name == "propagate":
            order = []
            for f, obj_ids, full in s.propagate(
                op.get("start"), op.get("max_frames"), op.get("reverse", False)
            ):
                order.append(f)
                record(tag, f, list(obj_ids), full)
            out[f"{tag}/order"] = np.asarray(order, np.int32)
        elif name == "clear_prompts":
            s.clear_prompts(op["frame"], op["obj"])
        elif name == "remove_object":
            s.remove_object(op["obj"])
            ids.remove(op["obj"])
    return out


def run_amg(ad, model, case):
    r = ad.amg(model, image_of(case["image"]), **case["settings"])

    def col(k):
        return np.asarray([x[k] for x in r], np.float64)

    return {k: col(k) for k in ("bbox", "area", "predicted_iou", "stability_score", "point")}


RUN = {"encoder": run_encoder, "image": run_image, "video": run_video, "amg": run_amg}


def run(ad, model, case):
    return RUN[case["kind"]](ad, model, case)


def compare(got, want):
    """-> list of (name, max abs diff, max|want|, sign disagreement fraction, note)."""
    rows = []
    for k in sorted(want):
        w = np.asarray(want[k], np.float64)
        if k not in got:
            rows.append((k, None, None, None, "missing"))
            continue
        g = np.asarray(got[k], np.float64)
        if g.shape != w.shape:
            rows.append((k, None, None, None, f"shape {g.shape} != {w.shape}"))
            continue
        if w.size == 0:
            rows.append((k, 0.0, 0.0, 0.0, ""))
            continue
        d = np.abs(g - w)
        d = np.where(np.isnan(g) & np.isnan(w), 0, d)
        rows.append(
            (k, float(d.max()), float(np.abs(w).max()), float(((g > 0) != (w > 0)).mean()), "")
        )
    return rows


def summarize(rows):
    """Worst absolute difference per quantity (the last path part), with its scale."""
    out = {}
    for k, d, m, s, note in rows:
        q = "/".join(k.split("/")[-2:]) if k.endswith("/stats") else k.split("/")[-1]
        e = out.setdefault(
            q, {"max_abs_diff": 0.0, "scale": 0.0, "sign_flips": 0.0, "problems": 0, "n": 0}
        )
        e["n"] += 1
        if note:
            e["problems"] += 1
            continue
        e["max_abs_diff"] = max(e["max_abs_diff"], d)
        e["scale"] = max(e["scale"], m)
        e["sign_flips"] = max(e["sign_flips"], s)
    return out
