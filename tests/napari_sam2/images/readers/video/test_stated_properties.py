"""What a video states besides its frames: orientation, times, depth, streams and damage."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from napari_sam2.core.errors import StackReadError, UserError
from napari_sam2.images.stack import open_stack
from tests.helpers.stack_files import movie, noise, write_video

av = pytest.importorskip("av")
video_files = pytest.importorskip("tests.helpers.video_files")


def decoded(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.mark.parametrize(("rotation", "turns"), [(90, 1), (180, 2), (-90, 3)])
def test_frames_are_rotated_as_the_file_states(tmp_path, rotation, turns):
    path = tmp_path / "phone.mp4"
    video_files.encode(path, movie()[:4], rotation=rotation)
    stack = open_stack(path)
    expected = np.rot90(decoded(path)[2], turns)
    assert stack.shape == expected.shape[:2]
    np.testing.assert_array_equal(stack.read((2,)), expected.transpose(2, 0, 1))
    assert any("rotated as the file states" in note for note in stack.notes)


def test_a_mirrored_display_matrix_mirrors_the_frames(tmp_path):
    path = tmp_path / "mirror.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        stream.set_display_matrix([-(1 << 16), 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30])
        for pixels in movie()[:3]:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    expected = decoded(path)[1][:, ::-1]
    np.testing.assert_array_equal(open_stack(path).read((1,)), expected.transpose(2, 0, 1))


def test_a_video_cut_before_a_key_frame_starts_with_the_first_decodable_frame(tmp_path):
    whole, clip = tmp_path / "whole.mp4", tmp_path / "clip.mkv"
    options = "open-gop=1:keyint=10:min-keyint=10:bframes=3:scenecut=0"
    video_files.encode(whole, movie(), **{"x264-params": options})
    video_files.cut(whole, clip, 1.1)
    frames = decoded(clip)
    stack = open_stack(clip)
    with av.open(str(clip)) as container:
        packets = sum(packet.size > 0 for packet in container.demux(video=0))
    assert packets > len(frames) == stack.n_frames
    assert any("first frame of clip.mkv cannot be decoded" in note for note in stack.notes)
    for number in (0, len(frames) - 1):
        np.testing.assert_array_equal(stack.read((number,)), frames[number].transpose(2, 0, 1))


def test_frames_hidden_by_an_edit_list_are_not_counted(tmp_path):
    whole, clip = tmp_path / "whole.mp4", tmp_path / "clip.mp4"
    video_files.encode(whole, movie(), g="12", bf="2")
    with av.open(str(whole)) as source, av.open(str(clip), "w") as target:
        old = source.streams.video[0]
        new = target.add_stream_from_template(old)
        start = int(1.7 / old.time_base)
        source.seek(start, stream=old, backward=True)
        for packet in source.demux(old):
            if packet.dts is not None:
                packet.pts, packet.dts = packet.pts - start, packet.dts - start
                packet.stream = new
                target.mux(packet)
    with av.open(str(clip)) as container:
        stored = container.streams.video[0].frames
    stack = open_stack(clip)
    assert stored > stack.n_frames == len(decoded(clip))


def test_the_end_of_a_truncated_video_is_left_out(tmp_path):
    path = tmp_path / "a.mpg"
    write_video(path, movie(), "mpeg2video", g="8")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    stack = open_stack(path)
    assert 3 < stack.n_frames < 30
    assert any("damaged or incomplete" in note for note in stack.notes)
    stack.read((stack.n_frames - 1,))


def test_a_damaged_frame_is_unreadable_and_those_of_other_groups_are_not(tmp_path):
    path = tmp_path / "a.avi"
    write_video(path, movie(), "mpeg4", g="1")
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0)]
    content = bytearray(path.read_bytes())
    position, size = packets[7]
    content[position : position + size] = bytes(size)
    path.write_bytes(content)
    stack = open_stack(path)
    assert stack.n_frames == 30
    with pytest.raises(StackReadError, match="frame 7 is damaged"):
        stack.read((7,))
    stack.read((8,))


def test_irregular_times_give_the_mean_interval_and_a_note(tmp_path):
    path = tmp_path / "a.mp4"
    video_files.encode(path, movie()[:5], times=[0, 1, 2, 7, 8])
    stack = open_stack(path)
    assert (stack.scale[0], stack.units[0]) == (pytest.approx(0.2), "second")
    assert any("mean interval, 0.2 s" in note for note in stack.notes)


def test_gif_durations_give_the_interval(tmp_path):
    frames = [Image.fromarray(frame) for frame in movie()[:4]]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=250)
    stack = open_stack(tmp_path / "a.gif")
    assert (stack.n_frames, stack.scale[0]) == (4, pytest.approx(0.25))


@pytest.mark.parametrize(
    ("pixel_format", "bits", "codec"),
    [
        ("gray10le", 10, "ffv1"),
        ("gray12le", 12, "ffv1"),
        ("gray16le", 16, "ffv1"),
        ("gray12be", 12, "rawvideo"),
    ],
)
def test_gray_video_keeps_its_values(tmp_path, pixel_format, bits, codec):
    planes = noise((3, 20, 30)) >> (16 - bits)
    path = tmp_path / "a.nut"
    video_files.write_gray(path, planes, pixel_format, codec)
    stack = open_stack(path)
    assert (stack.axes, stack.dtype) == ("TYX", "uint16")
    np.testing.assert_array_equal(stack.read((2,))[0], planes[2])
    assert stack.source.significant_bits == (bits if bits < 16 else None)


def test_deep_colors_are_reported(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p10le"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(movie()[0], format="rgb24")))
        container.mux(stream.encode())
    assert any("10 bits are read as 8" in note for note in open_stack(path).notes)


def test_pixels_that_are_not_square_are_reported(tmp_path):
    video_files.encode(tmp_path / "a.mp4", movie()[:3], aspect=2)
    stack = open_stack(tmp_path / "a.mp4")
    assert stack.scale[1:] == (1.0, 2.0)
    assert any("not square (aspect ratio 2:1)" in note for note in stack.notes)


def test_several_streams_are_scenes(tmp_path):
    for name, frames in (("a.mp4", movie()[:4]), ("b.mp4", movie()[4:6])):
        video_files.encode(tmp_path / name, frames)
    video_files.join([tmp_path / "a.mp4", tmp_path / "b.mp4"], tmp_path / "both.mkv")
    stack = open_stack(tmp_path / "both.mkv")
    assert (stack.n_frames, stack.source.scenes) == (4, ("stream 0", "stream 1"))
    assert any("--scene" in note for note in stack.notes)
    second = open_stack(tmp_path / "both.mkv", scene="stream 1")
    assert second.n_frames == 2
    np.testing.assert_array_equal(
        second.read((1,)), decoded(tmp_path / "b.mp4")[1].transpose(2, 0, 1)
    )
    with pytest.raises(UserError, match="has no scene"):
        open_stack(tmp_path / "both.mkv", scene=5)


def test_a_codec_that_ffmpeg_lacks_is_named(tmp_path):
    path = tmp_path / "a.avi"
    write_video(path, movie()[:3], "mpeg4")
    path.write_bytes(path.read_bytes().replace(b"FMP4", b"ZQZQ"))
    with pytest.raises(UserError, match="Convert it to MP4"):
        open_stack(path)
