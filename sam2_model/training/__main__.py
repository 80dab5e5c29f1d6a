"""Train the bundled model: ``python -m sam2_model.training DATA RUN``.

Several processes train together when started by ``torchrun --nproc-per-node 2 -m``.
"""

from __future__ import annotations

import argparse
import logging
import math
from pathlib import Path

import torch

from sam2_model.checkpoint import load_model
from sam2_model.modeling.config import MICRO
from sam2_model.modeling.sam2 import SAM2
from sam2_model.training.data.mixture import training_source, validation
from sam2_model.training.distributed import join_group
from sam2_model.training.initialization import initialize
from sam2_model.training.loop import Trainer, TrainingSettings
from sam2_model.training.optim.optimizer import Method
from sam2_model.training.optim.schedule import Curriculum, LearningRate, PromptMix


def main(arguments: list[str] | None = None) -> None:
    """Start a run, or resume the run in its folder."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    if options.device != "cpu":
        torch.set_float32_matmul_precision("high")
        # cuDNN takes seconds to plan attention for each new number of objects.
        torch.backends.cuda.enable_cudnn_sdp(False)
    settings = TrainingSettings(
        steps=options.steps,
        seconds=options.seconds,
        seed=options.seed,
        rate=LearningRate(options.rate, descent=options.descent),
        curriculum=_curriculum(options),
        prompts=PromptMix(corrections=options.corrections, learned=options.learnt),
        method=Method(options.method),
        mixed=options.mixed,
        workers=options.workers,
        object_step=8 if options.batch > 1 else 1,
        validate_every=options.validate_every,
    )
    model = _first_weights(options).to(options.device)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    model.image_encoder.requires_grad_(not options.frozen_encoder)
    figures = validation(options.data) if math.isfinite(options.validate_every) else None
    group = join_group()
    trainer = Trainer(model, training_source(options.data), options.run, settings, figures, group)
    trainer.run()
    if group.rank == 0:
        trainer.folder.plot()


def _first_weights(options: argparse.Namespace) -> SAM2:
    if options.weights is None:
        return initialize(SAM2(MICRO.resized(options.size)), options.seed)
    known = load_model(options.weights, device="cpu").float()
    model = SAM2(known.config.resized(options.size))
    model.load_state_dict(known.state_dict())
    return model


def _curriculum(options: argparse.Namespace) -> Curriculum:
    """Return the batch sizes of the run; a batch of 1 takes seconds on two CPU cores."""
    usual = Curriculum()
    return Curriculum(
        clips_from=options.clips_from,
        clip_share=options.clip_share,
        images=usual.images * options.batch,
        clip_frames=usual.longest * options.batch if options.batch > 1 else 0,
        farthest=options.farthest,
        frame_step=4 if options.batch > 1 else 1,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Train the bundled SAM 2 model.")
    parser.add_argument("data", type=Path, help="folder with dsb2018 and t98g_stills")
    parser.add_argument(
        "run", type=Path, help="folder of the run, which is resumed if there is one"
    )
    parser.add_argument(
        "--weights", help="name or file of the initial weights; random if not given"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", type=int, default=MICRO.image_size, help="input, in pixels")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument(
        "--seconds", type=float, default=4800.0, help="time limit, resumed parts included"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=6e-4, help="peak learning rate")
    parser.add_argument("--method", default="muon", choices=[m.value for m in Method])
    parser.add_argument("--descent", type=float, default=0.2, help="fraction of the run")
    parser.add_argument("--clips-from", type=float, default=0.28, help="fraction of the run")
    parser.add_argument("--clip-share", type=float, default=0.6, help="fraction of the steps")
    parser.add_argument("--validate-every", type=float, default=240.0, help="seconds; inf: never")
    parser.add_argument("--batch", type=int, default=1, help="multiple of the batch for a CPU")
    parser.add_argument("--workers", type=int, default=1, help="processes that make clips")
    parser.add_argument("--farthest", type=int, default=16, help="frames of the longest clips")
    parser.add_argument("--learnt", type=int, default=7, help="tracked frames with a loss")
    parser.add_argument(
        "--corrections", type=int, default=1, help="largest number of corrective clicks"
    )
    parser.add_argument(
        "--frozen-encoder", action="store_true", help="train the decoder and the memory only"
    )
    parser.add_argument(
        "--mixed", action="store_true", help="bfloat16 for image encoder and memory"
    )
    return parser


if __name__ == "__main__":
    main()
