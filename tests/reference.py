"""The paper's equations once more, in NumPy, float64 and loops: slow, plain and written apart from
the package."""

import math

import numpy as np

from dcrw.model.config import ModelConfig


def window(emitted, size, image, config):
    """Eq. 15-18 for one image: g_X, g_Y, delta, sigma^2, gamma."""
    if config.window_parameters == "five":
        gx, gy, log_variance, log_stride, log_gamma = emitted
    else:
        gx, gy, log_stride, log_gamma = emitted
        log_variance = log_gamma
    middle, widest = (image + 1) / 2, (image - 1) / (size - 1)
    if config.indexing == "mixed-integer":
        middle, widest = (image + 1) // 2, (image - 1) // (size - 1)
    centre_x = middle * (gx + 1)
    centre_y = middle * (gy + 1)
    stride = widest * math.exp(log_stride)
    return centre_x, centre_y, stride, math.exp(log_variance), math.exp(log_gamma)


def filters(centre, stride, variance, size, image, config):
    """Eq. 13-14 and 19-20 on one axis, (N, A)."""
    first = 1 if config.indexing == "one-based" else 0
    half = size // 2 if config.indexing == "mixed-integer" else size / 2
    bank = np.zeros((size, image))
    for row in range(size):
        mean = centre + (row + first - half - 0.5) * stride
        weights = []
        for column in range(image):
            distance = column + first - mean
            if config.filter_exponent == "gaussian":
                exponent = -(distance**2) / (2 * variance)
            else:
                exponent = -((distance / (2 * variance)) ** 2)
            weights.append(exponent)
        if config.filter_normaliser == "softmax":
            top = max(weights)
            values = [math.exp(weight - top) for weight in weights]
            total = sum(values)
        else:
            values = [math.exp(weight) for weight in weights]
            total = max(sum(values), 1e-8)
        bank[row] = [value / total for value in values]
    return bank


def banks(emitted, size, config):
    """Filters on X and on Y, and gamma, for one image."""
    x, y, stride, variance, gamma = window(emitted, size, config.image_size, config)
    across = filters(x, stride, variance, size, config.image_size, config)
    down = filters(y, stride, variance, size, config.image_size, config)
    return across, down, gamma


def read(image, error, emitted, size, config):
    """Eq. 21, (2, N, N)."""
    across, down, gamma = banks(emitted, size, config)
    return gamma * np.stack([down @ image @ across.T, down @ error @ across.T])


def write(patch, emitted, config):
    """Eq. 23 as in DRAW, (A, A)."""
    across, down, gamma = banks(emitted, len(patch), config)
    return down.T @ patch @ across / gamma


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


def lstm(cell, features, hidden, memory):
    """The usual gates i, f, o and update g for one image."""
    gates = cell["weight"] @ np.concatenate([features, hidden]) + cell["bias"]
    count = len(hidden)
    admit, forget, emit = (sigmoid(gates[k * count : (k + 1) * count]) for k in range(3))
    memory = forget * memory + admit * np.tanh(gates[3 * count :])
    return emit * np.tanh(memory), memory


def convolve(image, weight, bias):
    """3 x 3 convolution with same padding: (C, H, W) to (K, H, W)."""
    _, height, width = image.shape
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
    out = np.zeros((len(weight), height, width))
    for k in range(len(weight)):
        for row in range(height):
            for column in range(width):
                out[k, row, column] = (
                    np.sum(weight[k] * padded[:, row : row + 3, column : column + 3]) + bias[k]
                )
    return out


def pool(image, keep_border):
    """2 x 2 max pooling."""
    _, height, width = image.shape
    rounding = math.ceil if keep_border else math.floor
    rows, columns = rounding(height / 2), rounding(width / 2)
    return np.array(
        [
            [
                [plane[2 * r : 2 * r + 2, 2 * c : 2 * c + 2].max() for c in range(columns)]
                for r in range(rows)
            ]
            for plane in image
        ]
    )


def features(weights, image, config):
    """Sec. III-B: conv, pool, conv, pool, flat."""
    keep = config.pooling == "keep-border"
    for layer in ("first", "second"):
        convolved = convolve(image, weights[f"{layer}.weight"], weights[f"{layer}.bias"])
        image = np.maximum(pool(convolved, keep), 0)
    return image.ravel()


def under(weights, prefix):
    """The weights below a prefix, the prefix taken off."""
    return {
        name[len(prefix) :]: value for name, value in weights.items() if name.startswith(prefix)
    }


def dense(weights, inputs):
    """The ReLU layer before the heads, where there is one."""
    if "dense.weight" not in weights:
        return inputs
    return np.maximum(weights["dense.weight"] @ inputs + weights["dense.bias"], 0)


def posterior(weights, inputs, config):
    """Eq. 5-6: mean and log sigma."""
    inputs = dense(weights, inputs)
    joint = weights["heads.weight"] @ inputs + weights["heads.bias"]
    if config.posterior_heads == "tied":
        return joint, joint
    return joint[: config.latent_size], joint[config.latent_size :]


def stepwise_posterior(weights, inputs, step, config):
    """Eq. 5-6 with a mean head and a log sigma head for every step, means first."""
    inputs = dense(weights, inputs)
    joint = weights["heads.weight"] @ inputs + weights["heads.bias"]
    size, steps = config.latent_size, config.steps
    means = joint[: steps * size].reshape(steps, size)
    tied = config.posterior_heads == "tied"
    log_sigmas = means if tied else joint[steps * size :].reshape(steps, size)
    return means[step], log_sigmas[step]


def kl(mean, log_sigma, config):
    """KL of a diagonal Gaussian from the standard normal, or Eq. 27's constant."""
    total = 0.0
    for m, s in zip(mean, log_sigma, strict=True):
        total += 0.5 * (
            m * m + math.exp(2 * s) - 2 * s - (1 if config.latent_constant == "exact" else 0)
        )
    return total if config.latent_constant == "exact" else total - 0.5


def reconstruction(canvas, image, config):
    """Eq. 25 for one image."""
    total = 0.0
    for logit, value in zip(canvas.ravel(), image.ravel(), strict=True):
        probability = sigmoid(logit)
        if config.reconstruction == "bernoulli":
            total -= value * math.log(probability) + (1 - value) * math.log(1 - probability)
        else:
            variance = config.gaussian_variance
            total += 0.5 * (probability - value) ** 2 / variance + 0.5 * math.log(
                2 * math.pi * variance
            )
    return total


def join(seen, hidden, config):
    """Eq. 9: h_dec behind the CNN's features."""
    return np.concatenate([seen, hidden]) if config.hidden_to_encoder == "joined" else seen


def writer(weights, image, noise, config: ModelConfig):
    """The whole of Eq. 7-12 (or 29-32) for one image: final canvas, L_x and L_z of each step."""
    size = config.image_size
    learned = config.initial_state == "learned"
    blank = np.full((size, size), config.initial_canvas)
    canvas = weights["initial_canvas"].copy() if learned else blank
    hidden = weights["initial_hidden"].copy() if learned else np.zeros(config.hidden_size)
    memory = weights["initial_cell"].copy() if learned else np.zeros(config.hidden_size)
    encoder_hidden, encoder_memory = np.zeros(config.hidden_size), np.zeros(config.hidden_size)
    encoder = under(weights, "encoder.")
    patch_numbers = config.write_size**2
    count = 5 if config.window_parameters == "five" else 4
    latents = []
    for epsilon in noise:
        emitted = weights["heads.weight"] @ hidden + weights["heads.bias"]
        rows = slice(-count, None)
        if config.window_heads == "shared":
            rows = slice(patch_numbers, patch_numbers + count)
        if config.architecture in ("dcrw-write-only", "dcrw-stepwise"):
            inputs = features(under(encoder, "features."), image[None], config)
        elif config.architecture == "dcrw-whole-image":
            pair = np.stack([image, image - sigmoid(canvas)])
            seen = features(under(encoder, "features."), pair, config)
            inputs = join(seen, hidden, config)
        else:
            glimpse = read(image, image - sigmoid(canvas), emitted[rows], config.read_size, config)
            if config.architecture == "draw":
                joined = np.concatenate([glimpse.ravel(), hidden])
                encoder_hidden, encoder_memory = lstm(
                    under(encoder, "lstm."), joined, encoder_hidden, encoder_memory
                )
                inputs = encoder_hidden
            else:
                seen = features(under(encoder, "features."), glimpse, config)
                inputs = join(seen, hidden, config)
        if config.architecture == "dcrw-stepwise":
            mean, log_sigma = stepwise_posterior(encoder, inputs, len(latents), config)
        else:
            mean, log_sigma = posterior(under(encoder, "posterior."), inputs, config)
        latents.append(kl(mean, log_sigma, config))
        latent = mean + np.exp(log_sigma) * epsilon
        hidden, memory = lstm(under(weights, "decoder."), latent, hidden, memory)
        emitted = weights["heads.weight"] @ hidden + weights["heads.bias"]
        patch = emitted[:patch_numbers].reshape(config.write_size, config.write_size)
        canvas = canvas + write(patch, emitted[patch_numbers : patch_numbers + count], config)
    return canvas, reconstruction(canvas, image, config), np.array(latents)
