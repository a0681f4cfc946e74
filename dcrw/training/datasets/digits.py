"""scikit-learn's handwritten digits, which need no network: 8 x 8 pixels, enlarged to 28 x 28."""

import torch
import torch.nn.functional as F

from dcrw.training.data import Dataset, Split
from dcrw.training.datasets.facts import Entry, Facts, Sizes, Wanted

SIZES = Sizes(1_400, 100, 297)
FACTS = Facts(
    title="scikit-learn's 8 x 8 digits, enlarged (embedded)",
    source="E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine "
    "Learning Repository; the test part, as scikit-learn ships it",
    licence="CC BY 4.0",
    image_size=28,
    classes=tuple("0123456789"),
    sizes=SIZES,
)


def read(wanted: Wanted) -> Dataset:
    """The digits in their file's order. Nothing is looked for: they come with scikit-learn."""
    from sklearn.datasets import load_digits

    small = load_digits()
    images = torch.as_tensor(small.images, dtype=torch.float32).unsqueeze(1) / 16
    images = F.interpolate(images, size=(28, 28), mode="bilinear", align_corners=False).squeeze(1)
    images = (images * 255).round().to(torch.uint8)
    labels = torch.as_tensor(small.target, dtype=torch.int64)
    sizes = list(SIZES)
    parts = zip(images.split(sizes), labels.split(sizes), strict=True)
    train, validation, test = (Split(*pair) for pair in parts)
    return Dataset(train, validation, test, name="digits", classes=FACTS.classes)


ENTRY = Entry(FACTS, read)
