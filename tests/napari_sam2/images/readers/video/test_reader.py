"""Videos: every frame by its number, with its time, orientation and depth."""

from __future__ import annotations

import functools
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_sam2.core.errors import UserError
from napari_sam2.images.readers.video.decoder import VideoDecoder
from napari_sam2.images.readers.video.reader import read_video
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import movie, write_video

av = pytest.importorskip("av")

KINDS = {
    "b-frames.mp4": ("libx264", {"g": "8", "bf": "3", "sc_threshold": "0"}),
    "one-key.mp4": ("libx264", {"g": "250", "sc_threshold": "0"}),
    "old.avi": ("mpeg4", {"g": "8", "bf": "2", "sc_threshold": "1000000000"}),
    "broadcast.mpg": ("mpeg2video", {"g": "8", "bf": "2", "sc_threshold": "1000000000"}),
    "web.webm": ("libvpx-vp9", {"g": "8"}),
}


@functools.cache
def decoded(path, pixels="rgb24"):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format=pixels) for frame in container.decode(video=0)]


@pytest.fixture(scope="module", params=KINDS)
def video(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / request.param
    codec, options = KINDS[request.param]
    write_video(path, movie(), codec, **options)
    return path


@settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(order=st.lists(st.integers(0, 29), min_size=1, max_size=12), tiny=st.booleans())
def test_any_order_gives_the_frames_of_the_number(video, monkeypatch, order, tiny):
    frames = decoded(video)
    size = 1 if tiny else 1 << 20
    monkeypatch.setattr("napari_sam2.images.readers.video.decoder.DECODED_BYTES", size)
    array = read_video(video).levels[0]
    assert len(array._load.__self__._times.keys) < len(frames) / 2
    assert array.shape == (len(frames), 48, 64, 3)
    for number in order:
        np.testing.assert_array_equal(array[(number,)], frames[number])


def test_backward_reading_decodes_a_group_of_pictures_once(tmp_path, monkeypatch):
    write_video(tmp_path / "a.mp4", movie(), "libx264", g="10", bf="0", sc_threshold="0")
    seeks = []
    seek = VideoDecoder._seek
    monkeypatch.setattr(VideoDecoder, "_seek", lambda self, t: (seeks.append(t), seek(self, t)))
    array = read_video(tmp_path / "a.mp4").levels[0]
    for number in reversed(range(30)):
        array[(number,)]
    assert len(seeks) == 3


def test_a_video_is_a_movie_in_color(video):
    frames = decoded(video)
    stack = open_stack(video)
    assert (stack.axes, stack.rgb, stack.units[0]) == ("TYXS", True, "second")
    assert stack.scale[0] == pytest.approx(0.1)
    np.testing.assert_array_equal(stack.read((7,)), frames[7].transpose(2, 0, 1))
    with pytest.raises(UserError, match="use one of t, y, x"):
        open_stack(video, along="z")


def test_gray_video_has_no_color_axis(tmp_path):
    write_video(tmp_path / "a.mkv", movie(), "ffv1")
    stack = open_stack(tmp_path / "a.mkv")
    assert stack.axes == "TYX"
    np.testing.assert_array_equal(stack.read((9,))[0], decoded(tmp_path / "a.mkv", "gray")[9])


def test_without_pyav_the_message_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "a.mp4").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UserError, match=r"napari-sam2\[video\]"):
        open_stack(tmp_path / "a.mp4")


def test_files_that_are_no_video(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"this is no video at all" * 50)
    with pytest.raises(UserError, match=r"Cannot open a\.mp4 as video"):
        open_stack(tmp_path / "a.mp4")


def test_a_cut_off_video_is_refused(tmp_path):
    write_video(tmp_path / "a.mp4", movie(), "libx264")
    whole = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"Cannot open a\.mp4"):
        open_stack(tmp_path / "a.mp4")


def test_sound_alone_is_no_video(tmp_path):
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), "i2"), layout="mono")
        frame.sample_rate = 8000
        for packet in stream.encode(frame):
            container.mux(packet)
    with pytest.raises(UserError, match="holds no video"):
        open_stack(tmp_path / "a.mkv")


def test_a_truncated_video_says_how_long_it_should_be(tmp_path):
    whole = tmp_path / "whole.mkv"
    write_video(whole, movie(), "libx264", g="5")
    (tmp_path / "cut.mkv").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert not any("duration" in note for note in open_stack(whole).notes)
    cut = open_stack(tmp_path / "cut.mkv")
    assert cut.n_frames < open_stack(whole).n_frames
    assert any("states a duration of" in note for note in cut.notes)
