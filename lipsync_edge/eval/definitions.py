"""What every figure means, in one line for the report; the full definitions stand where they are computed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Definition:
    """One figure for readers.

    Attributes:
        label: how it is called, with an arrow where more or less is better.
        meaning: what it is and where it comes from.
    """

    label: str
    meaning: str


_PSNR = (
    "10·log10(255² / mean squared error) in dB against the reference, mean over frames; ∞ for equal pictures"
)
_SSIM = "structural similarity (Wang et al. 2004, Gaussian window, sigma 1.5) with the reference, mean over frames"
DEFINITIONS = {
    "lse_d": Definition(
        "LSE-D ↓",
        "SyncNet v2: smallest mean distance of lips and sound over ±15 frames (Prajwal et al. 2020)",
    ),
    "lse_c": Definition("LSE-C ↑", "SyncNet v2: median less smallest of those distances"),
    "av_offset": Definition(
        "AV offset, frames", "SyncNet v2: where the distance is smallest; positive when the sound comes early"
    ),
    "opening_r": Definition(
        "opening r ↑", "Pearson's r of the mouth's opening with the real speaker's, frame by frame"
    ),
    "opening_lag": Definition("opening lag, frames", "frames the mouth comes late where r is highest"),
    "opening_best_r": Definition("opening r at that lag ↑", "r there"),
    "opening_amplitude": Definition(
        "opening amplitude → 1", "range of the opening (95th less 5th percentile) over the real speaker's"
    ),
    "closures_kept": Definition(
        "closures kept ↑", "part of the real speaker's shut frames on which this mouth is shut, too"
    ),
    "source_r": Definition(
        "source r → chance r", "leak: r of the opening with the source's own mouth, when another speaks"
    ),
    "chance_r": Definition(
        "chance r",
        "r of the source's own mouth with the speaker's: what a source copied unchanged would score",
    ),
    "voice_r": Definition(
        "voice r ↑", "r with the speaker after what the source's own mouth explains is taken out of both"
    ),
    "psnr_frame": Definition("PSNR frame ↑", _PSNR),
    "psnr_face": Definition("PSNR face ↑", f"{_PSNR}; inside the face's box"),
    "psnr_mouth": Definition("PSNR mouth ↑", f"{_PSNR}; nose to chin, cheek to cheek"),
    "ssim_frame": Definition("SSIM frame ↑", _SSIM),
    "ssim_face": Definition("SSIM face ↑", f"{_SSIM}; inside the face's box"),
    "ssim_mouth": Definition("SSIM mouth ↑", f"{_SSIM}; nose to chin, cheek to cheek"),
    "seam": Definition(
        "seam → 1", "gradient along the border of what was changed over the source's there; above 1 an edge"
    ),
    "fid": Definition(
        "FID ↓", "Fréchet distance of Inception features of made and real faces (Heusel et al. 2017)"
    ),
    "tss": Definition(
        "TSS → real", "mean SSIM of each aligned mouth with the next; 1 is frozen, right is the real value"
    ),
    "tss_reference": Definition("TSS of the reference", "the same of the reference's mouth"),
    "flicker": Definition(
        "flicker → real", "mean of |I(t-1) - 2·I(t) + I(t+1)| / 2 over the aligned face, grey levels"
    ),
    "flicker_reference": Definition("flicker of the reference", "the same of the reference's face"),
}
