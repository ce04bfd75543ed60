"""Tables of the export toolchain: how fast the files are, what smaller ones lose, and what was compared for them."""

from __future__ import annotations

from typing import Any

from speed_tables import grid

Row = dict[str, Any]

GATED = {"wav2lip": ("psnr",), "bisenet": ("miou",), "s3fd": ("iou", "ap"), "rrdbnet": ("psnr",)}
SAID = {"miou": "mIoU", "iou": "IoU", "ap": "AP", "psnr": "PSNR"}
RUNTIMES = ("onnxruntime", "openvino")


def network_table(rows: list[Row]) -> str:
    """One line a network and batch: torch's ms, and ms and ratio of each runtime and precision."""
    columns = [(runtime, kind) for runtime in RUNTIMES for kind in ("fp32", "int8")]
    body = []
    for network, batch in dict.fromkeys((row["network"], row["batch"]) for row in rows):
        group = [row for row in rows if (row["network"], row["batch"]) == (network, batch)]
        by = {(row["runtime"], row["precision"]): row for row in group}
        torch = by["torch", "fp32"]
        cells = [
            f"{by[key]['ms']:.1f} ({by[key]['times_torch']:.1f} ×)" if key in by else "-" for key in columns
        ]
        body.append(
            [f"`{network}`", str(batch), torch["shape"], f"{torch['ms']:.1f}", *cells, f"{torch['load']:.1f}"]
        )
    titles = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}
    heads = [f"{titles[runtime]} {kind}" for runtime, kind in columns]
    return grid(["network", "batch", "input", "torch, ms", *heads, "load"], body)


def nncf_table(rows: list[Row]) -> str:
    """Our int8 file and NNCF's on OpenVINO: time, size, figures of the gate."""
    body = [
        [
            f"`{row['network']}`",
            kind.replace("_", ", "),
            f"{row[kind]['ms']:.1f}",
            f"{row[kind]['megabytes']:.1f}",
            ", ".join(f"{key} {value:.3g}" for key, value in row[kind]["figures"].items()),
            "yes" if row[kind]["passed"] else "no",
            f"{row['load']:.1f}",
        ]
        for row in rows
        for kind in ("fp32", "ours", "nncf", "nncf_mixed")
        if kind in row
    ]
    return grid(["network", "file", "ms", "MB", "figures", "gate held", "load"], body)


def avx2_table(rows: list[Row]) -> str:
    """What int8 files answer on an emulated processor without VNNI, against this one."""
    body = [
        [
            f"`{row['file']}`",
            row["emulated"],
            str(row["largest_weight"]),
            "yes" if row["same_bits"] else "no",
            f"{row['largest_difference']:.1g} of {row['range']:.2g}",
        ]
        for row in rows
    ]
    return grid(
        ["file", "processor", "largest weight", "same bits", "largest difference, of the range"], body
    )


def graph_table(rows: list[Row]) -> str:
    """Our graphs against what torch exports of the same network."""
    body = [
        [
            f"`{row['network']}`",
            row["runtime"],
            f"{row['ours_ms']:.1f}",
            f"{row['torch_export_ms']:.1f}",
            f"{row['ours_ms'] / row['torch_export_ms']:.2f}",
        ]
        for row in rows
    ]
    return grid(["network", "runtime", "ours, ms", "torch's export, ms", "ours / torch's"], body)


def fitted_table(found: dict[str, Any]) -> str:
    """Each smaller file against fp32 on both runtimes, and both against the landmark teacher."""
    body = []
    for name in (n for n in GATED if n in found):
        part = found[name]
        held = part["against_fp32_on_eval_clips"]
        for precision in (p for p in ("int8", "fp16") if p in held):
            facts = part["files"][f"{name}.{precision}.onnx"]
            kept = len(facts.get("kept_float", []))
            passed = all(row["passed"] for row in held[precision].values())
            body.append(
                [
                    f"`{name}`",
                    precision,
                    str(kept) if precision == "int8" else "-",
                    _figures(name, facts["error"]),
                    " / ".join(_figures(name, row) for row in held[precision].values()),
                    "yes" if passed else "no",
                    _teacher(name, part, precision, "clips"),
                    _teacher(name, part, precision, "stills"),
                ]
            )
    headings = [
        "network",
        "file",
        "nodes in float",
        "against fp32, calibration faces",
        "evaluation clips, ONNX Runtime / OpenVINO",
        "gate held",
        "against the truth, clips: fp32 → file",
        "stills: fp32 → file",
    ]
    return grid(headings, body) + "\n\n" + " ".join(_counts(found))


def _figures(name: str, row: dict[str, Any]) -> str:
    return ", ".join(f"{SAID[key]} {row[key]:.{1 if key == 'psnr' else 4}f}" for key in GATED[name])


def _teacher(name: str, part: dict[str, Any], precision: str, faces: str) -> str:
    rows = part.get("against_teacher", {})
    if faces not in rows.get("fp32", {}):
        return "-"
    key = GATED[name][-1]
    digits = 1 if key == "psnr" else 4
    return f"{SAID[key]} {rows['fp32'][faces][key]:.{digits}f} → {rows[precision][faces][key]:.{digits}f}"


def _counts(found: dict[str, Any]) -> list[str]:
    faces = found["held_out_faces"]
    lines = [
        f"Truth: the landmark teacher on {faces['clips']} frames of the evaluation clips and {faces['stills']} held-out"
        " stills; for `wav2lip` the frame itself, which at run time is its reference, too."
    ]
    for name in (n for n in GATED if n in found):
        part = found[name]
        judged = part["files"][f"{name}.int8.onnx"]["error"]["inputs"]
        line = f"judged on {judged} calibration faces and {part['against_fp32_on_eval_clips']['faces']} of the clips."
        if "fit" in part:
            minutes = sum(stage["minutes"] for stage in part["fit"])
            pictures = sum(stage["pictures"] for stage in part["fit"])
            line = f"fitted {minutes:.0f} minutes ({pictures} pictures); {line}"
        lines.append(f"`{name}`: {line}")
    return lines
