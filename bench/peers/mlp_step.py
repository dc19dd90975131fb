"""One SGD step of the MLP 784-512-512-10 with ReLU and softmax cross entropy, batch 128, float32."""

import harness
import jax
import jax.numpy as jnp
import numpy as np
import torch
import torch_step

WIDTHS = (784, 512, 512, 10)
BATCH = 128

rng = np.random.default_rng(0)
X = rng.standard_normal((BATCH, WIDTHS[0]), dtype=np.float32)
Y = rng.integers(0, WIDTHS[-1], BATCH)


def torch_model():
    layers = [torch.nn.Linear(a, b) for a, b in zip(WIDTHS, WIDTHS[1:])]
    return torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])


def jax_loss(parameters, x, y):
    *hidden, (w, b) = parameters
    for hidden_w, hidden_b in hidden:
        x = jax.nn.relu(x @ hidden_w + hidden_b)
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(x @ w + b), y[:, None], axis=1))


@jax.jit(donate_argnums=0)
def jax_sgd(parameters, x, y):
    loss, gradient = jax.value_and_grad(jax_loss)(parameters, x, y)
    return jax.tree.map(lambda p, g: p - torch_step.LEARNING_RATE * g, parameters, gradient), loss


def jax_step():
    parameters = [
        (jnp.asarray(rng.standard_normal((a, b), dtype=np.float32) / a**0.5), jnp.zeros(b))
        for a, b in zip(WIDTHS, WIDTHS[1:])
    ]
    x, y = jnp.asarray(X), jnp.asarray(Y)

    def step():
        nonlocal parameters
        parameters, loss = jax_sgd(parameters, x, y)
        jax.block_until_ready((parameters, loss))

    return step


x, y = torch.from_numpy(X), torch.from_numpy(Y)
harness.report(
    "mlp_step",
    {
        "eager": torch_step.eager_steps(torch_model, x, y),
        "compile": torch_step.compiled_steps(torch_model, x, y),
        "jax": {"jit": jax_step},
    },
    gflop=2 * BATCH * (3 * sum(a * b for a, b in zip(WIDTHS, WIDTHS[1:])) - WIDTHS[0] * WIDTHS[1]) / 1e9,
)
