"""One full-batch gradient step of 1,000 students 2-5-1 (sigmoid, no biases, float64) on the toy problem of Simsek et al. 2021.

Inputs are the grid {-5, -4.75, .., 5}^2 (1,681 points), shared by all students; the teacher has four neurons; the loss is the
mean squared error without 1/2. With z = W x, h = sigmoid(z), r = a h - t:  da = (2/P) r h',  dW = (2/P) (a r h (1 - h)) x'.
"""

from concurrent.futures import ThreadPoolExecutor

import harness
import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
import torch

NETWORKS, HIDDEN = 1000, 5
LEARNING_RATE = 0.01

axis = np.arange(-5, 5.25, 0.25)
GRID = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
TEACHER = np.array([(0.6, 0.5), (-0.5, 0.5), (-0.2, -0.6), (0.1, -0.6)])
TARGET = scipy.special.expit(GRID @ TEACHER.T).sum(axis=1)
POINTS = len(GRID)

rng = np.random.default_rng(0)
W = rng.uniform(-1, 1, (NETWORKS, HIDDEN, 2))
A = rng.uniform(-1, 1, (NETWORKS, HIDDEN))


def numpy_step(chunk, sigmoid):
    """By hand, `chunk` students at a time so that the activations [chunk, 5, 1681] stay in the cache, one Python thread per core
    (numpy releases the interpreter lock); no allocation of that size in the loop."""
    w, a, inputs, x_transposed = W.copy(), A.copy(), GRID.copy(), np.ascontiguousarray(GRID.T)
    rate = LEARNING_RATE * 2 / POINTS

    def part(start, stop):
        h = np.empty((chunk * HIDDEN, POINTS))
        h_3 = h.reshape(chunk, HIDDEN, POINTS)
        d = np.empty((chunk, HIDDEN, POINTS))

        def step():
            for first in range(start, stop, chunk):
                w_c, a_c = w[first : first + chunk], a[first : first + chunk]
                np.matmul(w_c.reshape(-1, 2), x_transposed, out=h)
                sigmoid(h)
                residual = np.matmul(a_c[:, None, :], h_3)
                residual -= TARGET
                gradient_a = np.matmul(h_3, residual.transpose(0, 2, 1))[..., 0]
                np.subtract(1, h_3, out=d)
                np.multiply(d, h_3, out=d)
                np.multiply(d, residual, out=d)
                gradient_w = np.matmul(d.reshape(-1, POINTS), inputs).reshape(chunk, HIDDEN, 2)
                gradient_w *= a_c[..., None]
                w_c -= rate * gradient_w
                a_c -= rate * gradient_a

        return step

    share = NETWORKS // harness.THREADS
    parts = [part(start, start + share) for start in range(0, NETWORKS, share)]
    pool = ThreadPoolExecutor(len(parts))
    return lambda: list(pool.map(lambda step: step(), parts))


def by_exp(z):
    np.negative(z, out=z)
    np.exp(z, out=z)
    np.add(z, 1, out=z)
    np.reciprocal(z, out=z)


def by_tanh(z):
    np.multiply(z, 0.5, out=z)
    np.tanh(z, out=z)
    np.multiply(z, 0.5, out=z)
    np.add(z, 0.5, out=z)


def torch_setup():
    torch.set_num_threads(harness.THREADS)
    return torch.from_numpy(W.copy()), torch.from_numpy(A.copy()), torch.from_numpy(GRID), torch.from_numpy(TARGET)


def torch_autograd():
    w, a, x, target = torch_setup()
    optimiser = torch.optim.SGD([w.requires_grad_(), a.requires_grad_()], lr=LEARNING_RATE, fused=True)

    def step():
        optimiser.zero_grad(set_to_none=True)
        h = torch.sigmoid(w.view(-1, 2) @ x.T).view(NETWORKS, HIDDEN, POINTS)
        residual = torch.bmm(a[:, None], h)[:, 0] - target
        residual.square().mean(dim=1).sum().backward()
        optimiser.step()

    return step


def torch_by_hand(chunk, compile=False):
    w, a, x, target = torch_setup()
    x_transposed = x.T.contiguous()
    rate = LEARNING_RATE * 2 / POINTS

    def chunk_step(w, a):
        h = torch.sigmoid(w.view(-1, 2) @ x_transposed).view(-1, HIDDEN, POINTS)
        residual = torch.bmm(a[:, None], h) - target
        gradient_a = torch.bmm(h, residual.transpose(1, 2))[..., 0]
        d = (1 - h).mul_(h).mul_(residual) if not compile else (1 - h) * h * residual
        gradient_w = (d.view(-1, POINTS) @ x).view_as(w) * a[..., None]
        w.sub_(gradient_w, alpha=rate)
        a.sub_(gradient_a, alpha=rate)

    one = torch.compile(chunk_step) if compile else chunk_step
    chunks = list(zip(w.split(chunk), a.split(chunk)))

    @torch.no_grad()
    def step():
        for w_c, a_c in chunks:
            one(w_c, a_c)

    return step


def torch_vmap():
    w, a, x, target = torch_setup()

    def loss(w, a):
        return (a @ torch.sigmoid(w @ x.T) - target).square().mean()

    gradient = torch.func.vmap(torch.func.grad(loss, argnums=(0, 1)))

    @torch.no_grad()
    def step():
        gradient_w, gradient_a = gradient(w, a)
        w.sub_(gradient_w, alpha=LEARNING_RATE)
        a.sub_(gradient_a, alpha=LEARNING_RATE)

    return step


def jax_step(chunk):
    jax.config.update("jax_enable_x64", True)
    x, target = jnp.asarray(GRID), jnp.asarray(TARGET)

    def loss(parameters):
        w, a = parameters
        return jnp.mean((a @ jax.nn.sigmoid(w @ x.T) - target) ** 2)

    @jax.jit(donate_argnums=0)
    def sgd(parameters):
        gradient = jax.lax.map(jax.grad(loss), parameters, batch_size=chunk)
        return jax.tree.map(lambda p, g: p - LEARNING_RATE * g, parameters, gradient)

    parameters = (jnp.asarray(W), jnp.asarray(A))

    def step():
        nonlocal parameters
        parameters = jax.block_until_ready(sgd(parameters))

    return step


harness.report(
    "toy_ensemble",
    {
        "numpy": {
            **{f"exp-{chunk}": lambda chunk=chunk: numpy_step(chunk, by_exp) for chunk in (4, 10, 20)},
            **{f"tanh-{chunk}": lambda chunk=chunk: numpy_step(chunk, by_tanh) for chunk in (4, 10, 20)},
        },
        "torch": {
            "autograd": torch_autograd,
            "vmap": torch_vmap,
            **{f"by-hand-{chunk}": lambda chunk=chunk: torch_by_hand(chunk) for chunk in (10, 25, 100, 1000)},
            **{f"compile-{chunk}": lambda chunk=chunk: torch_by_hand(chunk, compile=True) for chunk in (25, 100, 1000)},
        },
        "jax": {f"jit-{chunk}": lambda chunk=chunk: jax_step(chunk) for chunk in (10, 50, 1000)},
    },
    networks=NETWORKS,
    points=POINTS,
)
