"""Training steps in PyTorch: module, loss and optimiser wired the ways a user who tunes would try."""

import harness
import torch

torch.set_num_threads(harness.THREADS)
torch.manual_seed(0)

LEARNING_RATE = 0.01


def eager_steps(make_model, x, y, **optimisers):
    """One way per implementation of SGD."""
    ways = optimisers or {"fused": {"fused": True}, "foreach": {"foreach": True}, "loop": {"foreach": False}}
    return {name: lambda flags=flags: sgd_step(make_model(), x, y, flags) for name, flags in ways.items()}


def compiled_steps(make_model, x, y):
    return {
        "default": lambda: sgd_step(make_model(), x, y, {"fused": True}, compile={}),
        "max-autotune": lambda: sgd_step(make_model(), x, y, {"fused": True}, compile={"mode": "max-autotune"}),
    }


def sgd_step(model, x, y, flags, compile=None):
    optimiser = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, **flags)

    def loss_of(x, y):
        return torch.nn.functional.cross_entropy(model(x), y)

    loss = loss_of if compile is None else torch.compile(loss_of, **compile)

    def step():
        optimiser.zero_grad(set_to_none=True)
        loss(x, y).backward()
        optimiser.step()

    return step
