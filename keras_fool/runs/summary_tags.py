"""What TensorBoard's figures mean: a description for each tag, which it shows beside the curve."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

CHAMPIONS, TABLE, SETTINGS = "champions", "champions/surest", "settings"
# What is 1 in float32 has a doubt that float32 does not show.
_LEAST_DOUBT = 2.0**-24

DESCRIPTIONS: Mapping[str, str] = {
    CHAMPIONS: "The image with the highest confidence for each label, with the label's name; "
    "a row per run where there are few labels.",
    TABLE: "The surest images of the complete run; champions.csv has all of them.",
    SETTINGS: "What shapes the result; config.json has the same.",
    "confidence/median": "Median, over all runs and labels, of the highest confidence so far.",
    "confidence/mean": "Mean, over all runs and labels, of the highest confidence so far.",
    "confidence/max": "The surest image of all runs and labels.",
    "confidence/min": "The least sure of the best images of all runs and labels.",
    "confidence/log10_doubt": "log10 of the doubt, one minus the median confidence: -4 is 1 in "
    "10,000. It goes on falling where the median shows as 1; float32 ends at -7.2.",
    "takeovers": "How many labels got a better image in this generation, over all runs.",
    "images_per_second": "Images that were bred, drawn and scored in a second.",
    "image_steps_per_second": "Steps of the ascent in a second, times images.",
    "train/loss": "Mean cross entropy of the newest training steps.",
    "train/learning_rate": "The rate that the newest step was taken with.",
    "train/steps_per_second": "Training steps in a second, without tests.",
    "test/error_percent": "Test images that the network classifies wrongly, in per cent.",
}


def of_confidences(
    confidences: np.ndarray, things: str, thresholds: Sequence[float]
) -> dict[str, float]:
    """What TensorBoard plots of some confidences, by tag.

    Args:
        confidences: float32, of any shape; finite.
        things: What has a confidence each, such as "niches".
        thresholds: The share of confidences that reach each of them is a figure.
    """
    median = np.median(confidences)
    return {
        "confidence/median": median,
        "confidence/mean": confidences.mean(dtype=np.float64),
        "confidence/max": confidences.max(),
        "confidence/min": confidences.min(),
        "confidence/log10_doubt": np.log10(max(1 - float(median), _LEAST_DOUBT)),
        **{
            f"{things}/share_at_least_{threshold:g}": np.mean(confidences >= np.float32(threshold))
            for threshold in thresholds
        },
    }


def description(tag: str) -> str:
    """What a tag means; empty for an unknown one."""
    things, between, threshold = tag.partition("/share_at_least_")
    if between:
        return f"Share of {things} with a confidence of at least {threshold}, 0 to 1."
    return DESCRIPTIONS.get(tag, "")


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table, as TensorBoard shows texts."""
    cells = [[str(cell).replace("|", r"\|") for cell in line] for line in (headings, *rows)]
    lines = [f"| {' | '.join(line)} |" for line in cells]
    return "\n".join([lines[0], f"|{'---|' * len(headings)}", *lines[1:]])
