"""DRAW and DCRW as a competent person writes them in PyTorch, to measure `dcrw` against.

The usual style: one `nn.Linear` a head, `nn.LSTMCell`, filters by exp and divide, losses gathered
in lists, images through torchvision's transform and a `DataLoader`, Adam as it comes, the losses
read back at every iteration. It computes what `dcrw` computes with its default settings, and shares
no code with it. Sizes: B images of A x A pixels, T steps, z latent dimensions, D LSTM units, N
filters per axis.
"""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms


class Drawer(nn.Module):
    """What the three models share: the decoder, the windows and the loss."""

    def __init__(
        self,
        image_size: int = 28,
        steps: int = 10,
        latent_size: int = 10,
        hidden_size: int = 256,
        read_size: int = 7,
        write_size: int = 5,
        epsilon: float = 1e-8,
    ):
        super().__init__()
        self.image_size = image_size
        self.steps = steps
        self.latent_size = latent_size
        self.hidden_size = hidden_size
        self.read_size = read_size
        self.write_size = write_size
        self.epsilon = epsilon
        self.decoder = nn.LSTMCell(latent_size, hidden_size)
        self.patch = nn.Linear(hidden_size, write_size**2)
        self.write_window = nn.Linear(hidden_size, 5)

    def forward(self, x: Tensor, noise: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Minibatch means of L_x and L_z in nats for images (B, 1, A, A) in [0, 1].

        noise: (T, B, z) from N(0, 1); None draws it here.
        """
        batch = x.size(0)
        x = x.squeeze(1)
        canvas = torch.zeros_like(x)
        h = x.new_zeros(batch, self.hidden_size)
        c = x.new_zeros(batch, self.hidden_size)
        self.start(x)
        kls = []
        for t in range(self.steps):
            mu, log_sigma = self.encode(x, canvas, h)
            sigma = torch.exp(log_sigma)
            z = mu + sigma * (torch.randn_like(mu) if noise is None else noise[t])
            h, c = self.decoder(z, (h, c))
            canvas = canvas + self.write(h)
            kls.append(0.5 * torch.sum(mu**2 + sigma**2 - 2 * log_sigma - 1, dim=1))
        reconstruction = F.binary_cross_entropy_with_logits(canvas, x, reduction="sum") / batch
        return reconstruction, torch.stack(kls).sum(0).mean()

    def start(self, x: Tensor) -> None:
        """Prepare the encoder for a new batch (B, A, A)."""

    def encode(self, x: Tensor, canvas: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """The posterior's mean and log sigma, (B, z) each. Raises `NotImplementedError`: a subclass
        has it."""
        raise NotImplementedError

    def filterbank(self, window: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
        """F_x and F_y (B, N, A) and gamma (B, 1, 1) from what a window head emits (B, 5)."""
        a = self.image_size
        g_x, g_y, log_variance, log_stride, log_gamma = window.split(1, dim=1)
        g_x = (a + 1) / 2 * (g_x + 1)
        g_y = (a + 1) / 2 * (g_y + 1)
        stride = (a - 1) / (size - 1) * torch.exp(log_stride)
        variance = torch.exp(log_variance).unsqueeze(2)
        offsets = torch.arange(1, size + 1, device=window.device) - size / 2 - 0.5
        mu_x = (g_x + offsets * stride).unsqueeze(2)
        mu_y = (g_y + offsets * stride).unsqueeze(2)
        pixels = torch.arange(1, a + 1, device=window.device)
        f_x = torch.exp(-((pixels - mu_x) ** 2) / (2 * variance))
        f_y = torch.exp(-((pixels - mu_y) ** 2) / (2 * variance))
        f_x = f_x / (f_x.sum(dim=2, keepdim=True) + self.epsilon)
        f_y = f_y / (f_y.sum(dim=2, keepdim=True) + self.epsilon)
        return f_x, f_y, torch.exp(log_gamma).unsqueeze(2)

    def write(self, h: Tensor) -> Tensor:
        """What is added to the canvas, (B, A, A)."""
        f_x, f_y, gamma = self.filterbank(self.write_window(h), self.write_size)
        w = self.patch(h).view(-1, self.write_size, self.write_size)
        return torch.bmm(f_y.transpose(1, 2), torch.bmm(w, f_x)) / gamma


class AttentiveDrawer(Drawer):
    """A drawer that reads through a window."""

    def __init__(self, **sizes: Any):
        super().__init__(**sizes)
        self.read_window = nn.Linear(self.hidden_size, 5)

    def read(self, x: Tensor, canvas: Tensor, h: Tensor) -> Tensor:
        """The glimpse of image and error image, (B, 2, N, N)."""
        x_hat = x - torch.sigmoid(canvas)
        f_x, f_y, gamma = self.filterbank(self.read_window(h), self.read_size)
        f_x_t = f_x.transpose(1, 2)
        glimpse = torch.bmm(f_y, torch.bmm(x, f_x_t))
        glimpse_hat = torch.bmm(f_y, torch.bmm(x_hat, f_x_t))
        return torch.stack([gamma * glimpse, gamma * glimpse_hat], dim=1)


class DRAW(AttentiveDrawer):
    """DRAW: an LSTM encoder on the glimpse and h_dec."""

    def __init__(self, **sizes: Any):
        super().__init__(**sizes)
        self.encoder = nn.LSTMCell(2 * self.read_size**2 + self.hidden_size, self.hidden_size)
        self.mean = nn.Linear(self.hidden_size, self.latent_size)
        self.log_sigma = nn.Linear(self.hidden_size, self.latent_size)

    def start(self, x: Tensor) -> None:
        """The encoder's LSTM starts from zeros."""
        self.h_enc = x.new_zeros(x.size(0), self.hidden_size)
        self.c_enc = x.new_zeros(x.size(0), self.hidden_size)

    def encode(self, x: Tensor, canvas: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """One step of the encoder's LSTM."""
        r = self.read(x, canvas, h).flatten(1)
        self.h_enc, self.c_enc = self.encoder(torch.cat([r, h], dim=1), (self.h_enc, self.c_enc))
        return self.mean(self.h_enc), self.log_sigma(self.h_enc)


class DCRW(AttentiveDrawer):
    """DCRW with attention: a CNN on the glimpse; h_dec joins its features."""

    def __init__(self, **sizes: Any):
        super().__init__(**sizes)
        self.cnn = cnn(channels=2)
        features = 64 * pooled(pooled(self.read_size)) ** 2 + self.hidden_size
        self.mean = nn.Linear(features, self.latent_size)
        self.log_sigma = nn.Linear(features, self.latent_size)

    def encode(self, x: Tensor, canvas: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """One glimpse through the CNN."""
        features = torch.cat([self.cnn(self.read(x, canvas, h)), h], dim=1)
        return self.mean(features), self.log_sigma(features)


class DCRWWriteOnly(Drawer):
    """DCRW without attention in read: the CNN sees the whole image once."""

    def __init__(self, **sizes: Any):
        super().__init__(**sizes)
        self.cnn = cnn(channels=1)
        features = 64 * pooled(pooled(self.image_size)) ** 2
        self.mean = nn.Linear(features, self.latent_size)
        self.log_sigma = nn.Linear(features, self.latent_size)

    def start(self, x: Tensor) -> None:
        """Encode the whole image."""
        features = self.cnn(x.unsqueeze(1))
        self.posterior = self.mean(features), self.log_sigma(features)

    def encode(self, x: Tensor, canvas: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """The same posterior at every step."""
        return self.posterior


MODELS: dict[str, type[Drawer]] = {"draw": DRAW, "dcrw": DCRW, "dcrw-write-only": DCRWWriteOnly}


def cnn(channels: int) -> nn.Sequential:
    """Conv 3x3x32, pool 2x2, conv 3x3x64, pool 2x2, with ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels, 32, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.Conv2d(32, 64, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.Flatten(),
    )


def pooled(size: int) -> int:
    """Side of an image after a pooling that keeps its border."""
    return (size + 1) // 2


class Images(Dataset):
    """Images as torchvision's MNIST hands them out: through PIL and a transform, with a label."""

    def __init__(self, images: Tensor):
        self.images = images  # (n, A, A) uint8
        self.transform = transforms.Compose([transforms.ToTensor()])

    def __len__(self) -> int:
        """How many images."""
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """An image (1, A, A) in [0, 1] and its label."""
        return self.transform(Image.fromarray(self.images[index].numpy())), 0


def train(
    model: Drawer, images: Tensor, batch_size: int, device: torch.device, clip: float = 5.0
) -> Iterator[tuple[float, float]]:
    """Train on images (n, A, A) uint8 for as long as it is iterated; yields L_x and L_z."""
    loader = DataLoader(Images(images), batch_size=batch_size, shuffle=True, drop_last=True)
    model = model.to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.5, 0.999))
    while True:
        for x, _ in loader:
            reconstruction, latent = model(x.to(device))
            loss = reconstruction + latent
            optimizer.zero_grad()
            loss.backward()
            for parameter in model.parameters():
                nn.utils.clip_grad_norm_(parameter, clip)
            optimizer.step()
            yield reconstruction.item(), latent.item()
