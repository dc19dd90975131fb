"""One SGD step of 32 networks 784-64-64-10 (ReLU, softmax cross entropy), each with its own mini-batch of 128, float32."""

import harness
import jax
import jax.numpy as jnp
import numpy as np
import torch
import torch_step

NETWORKS = 32
WIDTHS = (784, 64, 64, 10)
BATCH = 128

rng = np.random.default_rng(0)
X = rng.standard_normal((NETWORKS, BATCH, WIDTHS[0]), dtype=np.float32)
Y = rng.integers(0, WIDTHS[-1], (NETWORKS, BATCH))
x, y = torch.from_numpy(X), torch.from_numpy(Y)


def torch_model():
    layers = [torch.nn.Linear(a, b) for a, b in zip(WIDTHS, WIDTHS[1:])]
    return torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])


def one_after_another(flags):
    steps = [torch_step.sgd_step(torch_model(), x[n], y[n], flags) for n in range(NETWORKS)]

    def step():
        for one in steps:
            one()

    return step


class Batched(torch.nn.Module):
    """All networks in one module: a leading ensemble axis on every parameter, one `baddbmm` per layer."""

    def __init__(self):
        super().__init__()
        shapes = list(zip(WIDTHS, WIDTHS[1:]))
        self.w = torch.nn.ParameterList(torch.randn(NETWORKS, a, b) / a**0.5 for a, b in shapes)
        self.b = torch.nn.ParameterList(torch.zeros(NETWORKS, 1, b) for _, b in shapes)

    def forward(self, x):
        for w, b in zip(self.w[:-1], self.b[:-1]):
            x = torch.relu(torch.baddbmm(b, x, w))
        # Mean over samples, sum over networks: cross_entropy averages over both, the learning rate makes up for it.
        return torch.baddbmm(self.b[-1], x, self.w[-1]).flatten(0, 1)


def vmap_step():
    model = torch_model()
    parameters = {
        name: torch.stack([p.detach() + 0.01 * torch.randn_like(p) for _ in range(NETWORKS)])
        for name, p in model.named_parameters()
    }

    def loss(parameters, x, y):
        return torch.nn.functional.cross_entropy(torch.func.functional_call(model, parameters, (x,)), y)

    gradient = torch.func.vmap(torch.func.grad(loss))

    @torch.no_grad()
    def step():
        gradients = gradient(parameters, x, y)
        for name, p in parameters.items():
            p.sub_(gradients[name], alpha=torch_step.LEARNING_RATE)

    return step


def jax_loss(parameters, x, y):
    *hidden, (w, b) = parameters
    for hidden_w, hidden_b in hidden:
        x = jax.nn.relu(x @ hidden_w + hidden_b)
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(x @ w + b), y[:, None], axis=1))


@jax.jit(donate_argnums=0)
def jax_sgd(parameters, x, y):
    gradient = jax.vmap(jax.grad(jax_loss))(parameters, x, y)
    return jax.tree.map(lambda p, g: p - torch_step.LEARNING_RATE * g, parameters, gradient)


def jax_step():
    parameters = [
        (jnp.asarray(rng.standard_normal((NETWORKS, a, b), dtype=np.float32) / a**0.5), jnp.zeros((NETWORKS, b)))
        for a, b in zip(WIDTHS, WIDTHS[1:])
    ]
    inputs, labels = jnp.asarray(X), jnp.asarray(Y)

    def step():
        nonlocal parameters
        parameters = jax.block_until_ready(jax_sgd(parameters, inputs, labels))

    return step


batched = torch_step.eager_steps(Batched, x, y.flatten())
harness.report(
    "ensemble_step",
    {
        "one_after_another": {
            "fused": lambda: one_after_another({"fused": True}),
            "foreach": lambda: one_after_another({"foreach": True}),
            "loop": lambda: one_after_another({"foreach": False}),
        },
        "batched": {**{f"bmm-{way}": make for way, make in batched.items()}, "vmap": vmap_step},
        "compile": torch_step.compiled_steps(Batched, x, y.flatten()),
        "jax": {"vmap-jit": jax_step},
    },
    networks=NETWORKS,
)
