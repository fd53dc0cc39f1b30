"""Optimizer updates, in place on parameters and their slots. `h` holds the host's numbers of this step, in the dtype of p:
its meaning stands with each rule in `nntrain.optim`."""

from __future__ import annotations

from nntrain.engine.op import op


@op
class sgd_update:
    """p -= lr * d, with d = g + weight_decay p, through a momentum buffer where momentum is on.

    h = (lr, momentum, dampening, 1 on the first step of this parameter). Sutskever et al. 2013; PyTorch's form.
    """

    state = ("p", "m")
    outputs = ()

    def shape(p, g, m=None, h=None, *, weight_decay=0.0, nesterov=False):
        return ()

    def forward(xp, p, g, m, h, *, weight_decay, nesterov):
        d = g + p * p.dtype.type(weight_decay) if weight_decay else g
        if m is not None:
            m[...] = xp.where(h[3] > 0, d, m * h[1] + d * (1 - h[2]))
            d = d + m * h[1] if nesterov else m
        p -= d * h[0]


@op
class adam_update:
    """Adam (Kingma & Ba 2015, arXiv:1412.6980); with `decoupled` decay AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101).

    h = (lr, 1 - beta1**t, sqrt(1 - beta2**t)).
    """

    state = ("p", "m", "v")
    outputs = ()

    def shape(p, g, m, v, h, *, beta1, beta2, eps, weight_decay=0.0, decoupled=False):
        return ()

    def forward(xp, p, g, m, v, h, *, beta1, beta2, eps, weight_decay, decoupled):
        t = p.dtype.type
        lr, correct1, correct2 = h[0], h[1], h[2]
        if weight_decay and decoupled:
            p *= 1 - lr * t(weight_decay)
        elif weight_decay:
            g = g + p * t(weight_decay)
        m += (g - m) * t(1 - beta1)
        v *= t(beta2)
        v += g * g * t(1 - beta2)
        p -= (lr / correct1) * m / (xp.sqrt(v) / correct2 + t(eps))


@op
class rmsprop_update:
    """RMSprop (Hinton, Coursera lecture 6e), PyTorch's form: eps outside the root; optionally centered, with momentum.

    h = (lr,).
    """

    state = ("p", "v", "a", "m")
    outputs = ()

    def shape(p, g, v, a=None, m=None, h=None, *, alpha, eps, momentum=0.0, weight_decay=0.0):
        return ()

    def forward(xp, p, g, v, a, m, h, *, alpha, eps, momentum, weight_decay):
        t = p.dtype.type
        if weight_decay:
            g = g + p * t(weight_decay)
        v *= t(alpha)
        v += g * g * t(1 - alpha)
        if a is not None:
            a += (g - a) * t(1 - alpha)
            scale = xp.sqrt(v - a * a) + t(eps)
        else:
            scale = xp.sqrt(v) + t(eps)
        d = g / scale
        if m is not None:
            m *= t(momentum)
            m += d
            d = m
        p -= d * h[0]


@op
class average_update:
    """a = decay * a + (1 - decay) * p: the exponential moving average of the weights."""

    state = ("a",)
    outputs = ()

    def shape(a, p, *, decay):
        return ()

    def forward(xp, a, p, *, decay):
        a += (p - a) * p.dtype.type(1 - decay)
