"""Read off the audio encoder what eight coefficients do not say: a lower lip under the teeth, a raised tongue.

python -m training voice.read_out --data DATA --corpus CORPUS --models models_onnx

The encoder learnt to name articulatory features beside the coefficients; that head was not kept, but the layer that it
read is in the graph. Two small layers are fitted on it, the network itself is left alone: `tuck` (f v) and `tongue`
(th and l), 0…1, how surely they are heard. DATA is what `training.voice.prepare_voices` wrote; every fifth speaker and
the reader of the viseme chart are kept out and judged. The network itself learnt from these speakers, so that the set
VCTK, which nothing was ever fitted on, is judged as well. Both files get the second output, and keep the first to the
bit.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import nn

from export import measure
from export.quantize import refresh
from export.store import publish, read_files, staging
from lipsync_edge.models.network import load_network
from lipsync_edge.render.exemplars.asked import Articulation, articulated, sealing
from lipsync_edge.render.lips import AudioEncoder
from training.cli import WORK, command, parse
from training.voice.articulation import FEATURES, LABIODENTAL, SHUT
from training.voice.encoders import windows
from training.voice.network import COLUMNS, OFFSET, STRIDE, WIDTH
from training.voice.prepare_voices import all_rows, by_alignment
from training.voice.read_out_graph import Trunk, with_articulation
from training.voice.sampler import LEAD
from training.voice.utterance import Utterance, load

Array = npt.NDArray[Any]

NAMES = ("tuck", "tongue")
CONT, LATERAL, ANTERIOR, CORONAL, DISTRIBUTED = (
    FEATURES.index(name) for name in ("cont", "lat", "ant", "cor", "distr")
)
INNER = 32
STEPS, BATCH, RATE, DECAY = 3000, 2048, 3e-3, 1e-5
EVERY, CHART = 5, "ljspeech"  # speakers that are kept out
STRANGERS = "vctk_samples"  # a set that neither the network nor the read-out learnt from
LEARNERS = "speechocean762"  # who say f and th as they can
SHUT_AT = 0.015  # eye distances from shut lips on: a smaller asked opening is shown shut
HEARD = (0.55, 0.275)  # of tuck and of tongue: above it a sound counts as heard


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What the network's hidden layer says of sounds, and what they are.

    Attributes:
        hidden: float32 (n, 176).
        said: bool (n, 2), tuck and tongue.
        shut: bool (n,), p b m.
        speaker: (n,), names.
    """

    hidden: Array
    said: Array
    shut: Array
    speaker: Array

    def of(self, chosen: Array) -> Heard:
        """Return a part, bool (n,)."""
        return Heard(self.hidden[chosen], self.said[chosen], self.shut[chosen], self.speaker[chosen])


def said(features: Array) -> Array:
    """Return whether features (n, features) are a labiodental's, and a dental's or a lateral's, bool (n, 2)."""
    dental = (features[:, [CONT, ANTERIOR, CORONAL, DISTRIBUTED]] > 0).all(1)
    return np.stack([features[:, LABIODENTAL] > 0, dental | (features[:, LATERAL] > 0)], 1)


def hear(trunk: Trunk, utterances: list[Utterance]) -> Heard:
    """Run sounds through the network.

    What is labelled begins as long before its sound as the coefficients do, and lasts as long as it; where lips are to
    be shut already, or still, it is not.
    """
    hidden, labels, shut, speakers = [], [], [], []
    for one in utterances:
        at = np.arange(LEAD, len(one.features), STRIDE)
        heard = trunk(one.mel)[: len(at)]
        soon, now = one.features[at[: len(heard)]], one.features[at[: len(heard)] - LEAD]
        closes = soon[:, SHUT] > 0
        labels.append(said(soon) | said(now) & ~closes[:, None])
        hidden.append(heard)
        shut.append(closes)
        speakers.append(np.full(len(heard), one.speaker))
    return Heard(*(np.concatenate(some) for some in (hidden, labels, shut, speakers)))


def kept_out(speaker: str) -> bool:
    """Return whether a speaker is judged and not learnt from."""
    return speaker.startswith(CHART) or zlib.crc32(speaker.encode()) % EVERY == 0


def fit(heard: Heard, steps: int = STEPS) -> list[tuple[Array, Array]]:
    """Fit the layers: weight (out, in) and bias (out,) of each, float32, ReLU between them, a sigmoid after."""
    given, wanted = torch.from_numpy(heard.hidden), torch.from_numpy(heard.said.astype(np.float32))
    mean, spread = given.mean(0), given.std(0) + 1e-2
    net = nn.Sequential(nn.Linear(WIDTH, INNER), nn.ReLU(), nn.Linear(INNER, len(NAMES)))
    adam = torch.optim.Adam(net.parameters(), RATE, weight_decay=DECAY)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    loss = nn.BCEWithLogitsLoss()
    for _ in range(steps):
        some = torch.randint(len(given), (BATCH,))
        adam.zero_grad()
        loss(net((given[some] - mean) / spread), wanted[some]).backward()
        adam.step()
        falling.step()
    first, last = (net[k] for k in (0, 2))
    assert isinstance(first, nn.Linear)
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        weight = first.weight / spread
        layers = [(weight, first.bias - weight @ mean), (last.weight, last.bias)]
    return [(weight.detach().numpy(), bias.detach().numpy()) for weight, bias in layers]


def read(layers: list[tuple[Array, Array]], hidden: Array) -> Array:
    """Return what the layers read off, float32 (n, 2), as the graph does."""
    (weight, bias), (last, end) = layers
    return np.asarray(
        1.0 / (1.0 + np.exp(-(np.maximum(hidden @ weight.T + bias, 0.0) @ last.T + end))), np.float32
    )


def area_under_roc(value: Array, true: Array) -> float:
    """Return how often a true one has the larger value of two, 0.5 by chance."""
    rank = np.empty(len(value))
    rank[np.argsort(value, kind="stable")] = np.arange(1, len(value) + 1)
    count = int(true.sum())
    return float((rank[true].sum() - count * (count + 1) / 2) / max(1, count * (len(value) - count)))


def runs(flags: Array) -> list[slice]:
    """Return the stretches in which flags, bool (n,), are set."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return [slice(start, end) for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)]


def figures(value: Array, true: Array, shut: Array, least: float) -> dict[str, float | int]:
    """Return how well one of both is heard, frame by frame (40 a second) and phone by phone.

    Args:
        value: float (n,), read off.
        true: bool (n,).
        shut: bool (n,), p b m.
        least: above it a sound counts as heard.
    """
    found = value > least
    hits, phones, closures = int((found & true).sum()), runs(true), runs(shut)

    def share(some: list[slice], all_of_it: bool = False) -> float:
        return float(np.mean([(np.all if all_of_it else np.any)(found[one]) for one in some]))

    row = {
        "auc": area_under_roc(value, true),
        "f1": 2 * hits / max(1, int(found.sum() + true.sum())),
        "precision": hits / max(1, int(found.sum())),
        "phones_heard": share(phones),
        "bursts_right": float(np.mean([true[one].any() for one in runs(found)])),
        "closures_touched": share(closures),
        "closures_covered": share(closures, all_of_it=True),
        "others_frames": float(found[~true].mean()),
    }
    rounded: dict[str, float | int] = {key: round(one, 4) for key, one in row.items()}
    return rounded | {"phones": len(phones), "closures": len(closures)}


def judged(heard: Heard, value: Array) -> dict[str, dict[str, Any]]:
    """Return the figures over speakers at home in English, learners, and all of them."""
    learner = np.char.startswith(heard.speaker, LEARNERS)
    parts = {"native": ~learner, "learners": learner, "all": np.ones(len(learner), bool)}
    return {
        part: {
            name: figures(value[chosen, k], heard.said[chosen, k], heard.shut[chosen], HEARD[k])
            for k, name in enumerate(NAMES)
        }
        | {"speakers": len(set(heard.speaker[chosen]))}
        for part, chosen in parts.items()
        if chosen.any()
    }


def asked_at(encoder: AudioEncoder, utterances: list[Utterance]) -> dict[str, float | int]:
    """Return what is asked at p b m and at f v, by the coefficients alone and with what is heard besides.

    Of p b m: at how many lips are shut anywhere in the phone, as early as coefficients have it. Of f v: at how many
    they are apart in the middle.
    """
    shut: list[tuple[bool, bool]] = []
    apart: list[tuple[bool, bool]] = []
    for one in utterances:
        at = np.arange(0, len(one.features) - LEAD, STRIDE)
        coefficients, heard = encoder.hear(
            list(windows(one.mel.astype(np.float32), at / 80, COLUMNS, OFFSET))
        )
        alone = [sealing(float(one @ encoder.to_shape[0])) for one in coefficients]
        both = [articulated(gap, Articulation.of(row)) for gap, row in zip(alone, heard, strict=True)]
        openings, soon = np.array([alone, both]).T, one.features[at + LEAD]
        shut += [tuple((openings[run] < SHUT_AT).any(0)) for run in runs(soon[:, SHUT] > 0)]
        middles = [(run.start + run.stop) // 2 for run in runs(soon[:, LABIODENTAL] > 0)]
        apart += [tuple(openings[k] > SHUT_AT) for k in middles]
    keys = ("alone", "articulated")
    row = {f"p_b_m_shut_{key}": float(value) for key, value in zip(keys, np.mean(shut, 0), strict=True)}
    row |= {f"f_v_apart_{key}": float(value) for key, value in zip(keys, np.mean(apart, 0), strict=True)}
    return {key: round(value, 4) for key, value in row.items()} | {
        "closures": len(shut),
        "phones": len(apart),
    }


def put_in(models: Path, layers: list[tuple[Array, Array]]) -> None:
    """Give both files of a folder the second output, and enter them into its manifest."""
    fp32, int8 = (models / f"edge_voice.{precision}.onnx" for precision in ("fp32", "int8"))
    made = with_articulation(onnx.load(str(fp32)), layers)
    onnx.save(made, str(fp32))
    refresh(fp32)
    entries = read_files(models)
    entry = entries[int8.name] | {key: entries[fp32.name][key] for key in ("parameters", "macs")}
    entry["made_from"] = entries[fp32.name]["sha256"]
    with staging(models) as stage:
        onnx.save(with_articulation(onnx.load(str(int8)), layers), str(stage / int8.name))
        publish(stage, models, {int8.name: entry})
    print(f"{measure.parameters(made)} parameters")


def arguments() -> argparse.ArgumentParser:
    """Return the options of this command."""
    parser = command(__name__, __doc__, "corpus", "threads", "seed", models=Path("models_onnx"))
    parser.add_argument("--data", type=Path, default=WORK / "voice", help="what voice.prepare_voices wrote")
    parser.add_argument("--rows", type=Path, default=Path("benchmarks/results/articulation.json"))
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Fit, judge and write."""
    options = parse(arguments(), argv)
    torch.set_num_threads(options.threads)
    models: Path = options.models
    clean, damaged = (load(options.data / f"{name}.npz") for name in ("read", "read_damaged"))
    trunk = Trunk(models / "edge_voice.fp32.onnx")
    learnt = hear(trunk, [one for one in clean + damaged if not kept_out(one.speaker)])
    torch.manual_seed(options.seed)
    layers = fit(learnt)
    unknown = [row for row in all_rows(options.corpus) if row["set"] == STRANGERS]
    judges = {
        "strangers": by_alignment(options.corpus, unknown),
        "kept out": [one for one in clean if kept_out(one.speaker)],
        "kept out, damaged": [one for one in damaged if kept_out(one.speaker)],
    }
    rows: dict[str, dict[str, Any]] = {}
    for precision in ("fp32", "int8"):
        trunk = Trunk(models / f"edge_voice.{precision}.onnx")
        for name, some in judges.items():
            heard = hear(trunk, some)
            rows.setdefault(name, {})[precision] = judged(heard, read(layers, heard.hidden))
            print(name, precision, json.dumps(rows[name][precision], indent=1), flush=True)
    put_in(models, layers)
    encoder = AudioEncoder(load_network("edge_voice", models=models, device="cpu", precision="int8"))
    asked = {name: asked_at(encoder, some) for name, some in judges.items()}
    print(json.dumps(asked, indent=1))
    told = {"learnt_speakers": len(set(learnt.speaker)), "heard_from": dict(zip(NAMES, HEARD, strict=True))}
    options.rows.write_text(json.dumps(told | {"voices": rows, "asked": asked}, indent=1) + "\n")
