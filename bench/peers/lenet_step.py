"""One SGD step of LeNet (conv 20 5x5, pool, conv 50 5x5, pool, 500, 10, ReLU) on 28x28x1, batch 128, float32."""

import harness
import jax
import jax.numpy as jnp
import numpy as np
import torch
import torch_step

BATCH = 128

rng = np.random.default_rng(0)
X = rng.standard_normal((BATCH, 1, 28, 28), dtype=np.float32)
Y = rng.integers(0, 10, BATCH)


def torch_model():
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 20, 5),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(20, 50, 5),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(800, 500),
        torch.nn.ReLU(),
        torch.nn.Linear(500, 10),
    )


def channels_last_model():
    return torch_model().to(memory_format=torch.channels_last)


def convolution(x, w, b, layout):
    y = jax.lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=layout)
    return y + (b[:, None, None] if layout[2] == "NCHW" else b)


def max_pool(x, layout):
    window = (1, 1, 2, 2) if layout[2] == "NCHW" else (1, 2, 2, 1)
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, window, "VALID")


def jax_loss(parameters, x, y, layout):
    (w1, b1), (w2, b2), (w3, b3), (w4, b4) = parameters
    x = max_pool(jax.nn.relu(convolution(x, w1, b1, layout)), layout)
    x = max_pool(jax.nn.relu(convolution(x, w2, b2, layout)), layout)
    x = jax.nn.relu(x.reshape(len(x), -1) @ w3 + b3)
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(x @ w4 + b4), y[:, None], axis=1))


@jax.jit(donate_argnums=0, static_argnums=3)
def jax_sgd(parameters, x, y, layout):
    loss, gradient = jax.value_and_grad(jax_loss)(parameters, x, y, layout)
    return jax.tree.map(lambda p, g: p - torch_step.LEARNING_RATE * g, parameters, gradient), loss


def jax_step(layout):
    nchw = layout[0] == "NCHW"
    shapes = [(20, 1, 5, 5) if nchw else (5, 5, 1, 20), (50, 20, 5, 5) if nchw else (5, 5, 20, 50), (800, 500), (500, 10)]
    widths = (20, 50, 500, 10)
    parameters = [
        (jnp.asarray(0.05 * rng.standard_normal(shape, dtype=np.float32)), jnp.zeros(width))
        for shape, width in zip(shapes, widths)
    ]
    x, y = jnp.asarray(X if nchw else X.transpose(0, 2, 3, 1)), jnp.asarray(Y)

    def step():
        nonlocal parameters
        parameters, loss = jax_sgd(parameters, x, y, layout)
        jax.block_until_ready((parameters, loss))

    return step


x, y = torch.from_numpy(X), torch.from_numpy(Y)
x_last = x.to(memory_format=torch.channels_last)
eager = torch_step.eager_steps(torch_model, x, y)
eager_last = torch_step.eager_steps(channels_last_model, x_last, y)
compiled = torch_step.compiled_steps(torch_model, x, y)
compiled_last = torch_step.compiled_steps(channels_last_model, x_last, y)

harness.report(
    "lenet_step",
    {
        "eager": {
            **{f"contiguous-{way}": make for way, make in eager.items()},
            **{f"channels_last-{way}": make for way, make in eager_last.items()},
        },
        "compile": {
            "contiguous-default": compiled["default"],
            "channels_last-default": compiled_last["default"],
            "contiguous-max-autotune": compiled["max-autotune"],
        },
        "jax": {
            "NCHW": lambda: jax_step(("NCHW", "OIHW", "NCHW")),
            "NHWC": lambda: jax_step(("NHWC", "HWIO", "NHWC")),
        },
    },
)
