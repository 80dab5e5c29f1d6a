"""A tiny text model with random weights, in the files of a model of the hub."""

from __future__ import annotations

import json
import string
from pathlib import Path

SIDE = 128
"""Height and width in pixels of the images that the network is shown."""
_IMAGES = {
    "image_processor_type": "GroundingDinoImageProcessor",
    "processor_class": "GroundingDinoProcessor",
    "size": {"height": SIDE, "width": SIDE},
}
_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_WORDS = [*_SPECIAL, ".", "?", *string.ascii_lowercase, *(f"##{c}" for c in string.ascii_lowercase)]
"""All words of English letters are made of these pieces."""


def save_text_model(folder: Path, kind: str = "GroundingDino") -> Path:
    """Save a Grounding DINO of a few thousand random weights with its tokenizer.

    Parameters
    ----------
    folder : Path
        Where; it is made.
    kind : str
        ``"GroundingDino"``, or ``"MMGroundingDino"``, to which LLMDet belongs.
    """
    import torch
    import transformers

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(_WORDS))
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(_IMAGES))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = getattr(transformers, f"{kind}ForObjectDetection")
        network(_config(kind)).save_pretrained(folder)
    return folder


def _config(kind: str) -> object:
    import transformers

    return getattr(transformers, f"{kind}Config")(
        backbone_config=transformers.SwinConfig(
            embed_dim=8,
            depths=[1, 1, 1, 1],
            num_heads=[1, 1, 1, 1],
            window_size=2,
            out_features=["stage2", "stage3", "stage4"],
        ),
        text_config=transformers.BertConfig(
            vocab_size=len(_WORDS),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
        ),
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        num_queries=40,
        max_text_len=24,
    )


def save_full_size_text_model(folder: Path) -> Path:
    """Save random weights of the size of LLMDet tiny, for images of 800 to 1333 pixels."""
    import transformers

    save_text_model(folder, "MMGroundingDino")
    size = {"shortest_edge": 800, "longest_edge": 1333}
    (folder / "preprocessor_config.json").write_text(json.dumps({**_IMAGES, "size": size}))
    backbone = transformers.SwinConfig(out_features=["stage2", "stage3", "stage4"])
    config = transformers.MMGroundingDinoConfig(backbone_config=backbone)
    transformers.MMGroundingDinoForObjectDetection(config).save_pretrained(folder)
    return folder
