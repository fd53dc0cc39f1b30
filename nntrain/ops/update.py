"""Optimizer updates, in place on parameters and their slots; of any shape, all arrays alike.

`h` holds the numbers of this step in the dtype of p, computed on the host in float64 and written before the op runs: so a
recorded step is replayed with another rate, and corrections by powers of the step lose nothing in float32. Its meaning
stands with each op. What never changes during a training is an attribute. `weight_decay` is L2: added to the gradient;
`decoupled` decay multiplies p before the update by the last number of h, 1 - lr * weight_decay.
"""

from __future__ import annotations

from nntrain.engine.op import op


def _with_l2(g, p, weight_decay):
    return g + p * p.dtype.type(weight_decay) if weight_decay else g


@op
class sgd_update:
    """p -= lr * d, with d = g + weight_decay p, through a momentum buffer where momentum is on.

    h = (lr, momentum, dampening, 1 on the first step of this parameter). Sutskever et al. 2013; PyTorch's form, in which
    the buffer holds gradients, not steps, and dampening spares the first.
    """

    state = ("p", "m")
    outputs = ()

    def shape(p, g, m=None, h=None, *, weight_decay=0.0, nesterov=False):
        return ()

    def forward(xp, p, g, m, h, *, weight_decay, nesterov):
        d = _with_l2(g, p, weight_decay)
        if m is not None:
            m[...] = xp.where(h[3] > 0, d, m * h[1] + d * (1 - h[2]))
            d = d + m * h[1] if nesterov else m
        p -= d * h[0]


@op
class adam_update:
    """Adam (Kingma & Ba 2015, arXiv:1412.6980); decoupled AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101).

    h = (lr / (1 - beta1**t), sqrt(1 - beta2**t), 1 - beta1, 1 - lr weight_decay). With `top`, the largest v so far stands
    in the denominator: AMSGrad (Reddi et al. 2018, arXiv:1904.09237).
    """

    state = ("p", "m", "v", "top")
    outputs = ()

    def shape(p, g, m, v, top=None, h=None, *, beta2, eps, weight_decay=0.0, decoupled=False):
        return ()

    def forward(xp, p, g, m, v, top, h, *, beta2, eps, weight_decay, decoupled):
        t = p.dtype.type
        if decoupled:
            p *= h[3]
        g = _with_l2(g, p, weight_decay)
        m += (g - m) * h[2]
        v *= t(beta2)
        v += g * g * t(1 - beta2)
        if top is not None:
            xp.maximum(top, v, out=top)
        p -= h[0] * m / (xp.sqrt(v if top is None else top) / h[1] + t(eps))


@op
class adamax_update:
    """Adamax (Kingma & Ba 2015, section 7.1): the largest decayed gradient stands in the denominator.

    h = (lr / (1 - beta1**t), 1 - beta1).
    """

    state = ("p", "m", "u")
    outputs = ()

    def shape(p, g, m, u, h, *, beta2, eps, weight_decay=0.0):
        return ()

    def forward(xp, p, g, m, u, h, *, beta2, eps, weight_decay):
        t = p.dtype.type
        g = _with_l2(g, p, weight_decay)
        m += (g - m) * h[1]
        xp.maximum(u * t(beta2), xp.abs(g) + t(eps), out=u)
        p -= h[0] * m / u


@op
class nadam_update:
    """NAdam: Adam with Nesterov's momentum (Dozat 2016), in PyTorch's form.

    h = (lr (1 - mu_t) / (1 - prod mu), lr mu_t+1 / (1 - prod mu mu_t+1), 1 - beta2**t, 1 - beta1, 1 - lr weight_decay).
    """

    state = ("p", "m", "v")
    outputs = ()

    def shape(p, g, m, v, h, *, beta2, eps, weight_decay=0.0, decoupled=False):
        return ()

    def forward(xp, p, g, m, v, h, *, beta2, eps, weight_decay, decoupled):
        t = p.dtype.type
        if decoupled:
            p *= h[4]
        g = _with_l2(g, p, weight_decay)
        m += (g - m) * h[3]
        v *= t(beta2)
        v += g * g * t(1 - beta2)
        scale = xp.sqrt(v / h[2]) + t(eps)
        p -= h[0] * g / scale
        p -= h[1] * m / scale


@op
class radam_update:
    """RAdam (Liu et al. 2020, arXiv:1908.03265): Adam whose first steps, of too uncertain a variance, are momentum alone.

    h = (lr / (1 - beta1**t), rectification sqrt(1 - beta2**t), or 0 while the variance is too uncertain, 1 - beta1,
    1 - lr weight_decay).
    """

    state = ("p", "m", "v")
    outputs = ()

    def shape(p, g, m, v, h, *, beta2, eps, weight_decay=0.0, decoupled=False):
        return ()

    def forward(xp, p, g, m, v, h, *, beta2, eps, weight_decay, decoupled):
        t = p.dtype.type
        if decoupled:
            p *= h[3]
        g = _with_l2(g, p, weight_decay)
        m += (g - m) * h[2]
        v *= t(beta2)
        v += g * g * t(1 - beta2)
        p -= m * h[0] * xp.where(h[1] > 0, h[1] / (xp.sqrt(v) + t(eps)), t(1))


@op
class rmsprop_update:
    """RMSprop (Hinton, Coursera lecture 6e), PyTorch's form: eps outside the root; optionally centered, with momentum.

    h = (lr, momentum).
    """

    state = ("p", "v", "a", "m")
    outputs = ()

    def shape(p, g, v, a=None, m=None, h=None, *, alpha, eps, weight_decay=0.0):
        return ()

    def forward(xp, p, g, v, a, m, h, *, alpha, eps, weight_decay):
        t = p.dtype.type
        g = _with_l2(g, p, weight_decay)
        v *= t(alpha)
        v += g * g * t(1 - alpha)
        square = v
        if a is not None:
            a += (g - a) * t(1 - alpha)
            square = xp.maximum(v - a * a, 0)  # rounding may leave a variance of 0 just below it
        d = g / (xp.sqrt(square) + t(eps))
        if m is not None:
            m *= h[1]
            m += d
            d = m
        p -= d * h[0]


@op
class adagrad_update:
    """Adagrad (Duchi, Hazan & Singer 2011, JMLR 12): the rate falls with the sum of all squared gradients.

    h = (lr / (1 + (t - 1) lr_decay),).
    """

    state = ("p", "v")
    outputs = ()

    def shape(p, g, v, h, *, eps, weight_decay=0.0):
        return ()

    def forward(xp, p, g, v, h, *, eps, weight_decay):
        g = _with_l2(g, p, weight_decay)
        v += g * g
        p -= h[0] * g / (xp.sqrt(v) + p.dtype.type(eps))


@op
class adadelta_update:
    """Adadelta (Zeiler 2012, arXiv:1212.5701): steps as large as the running size of steps before. h = (lr,)."""

    state = ("p", "v", "u")
    outputs = ()

    def shape(p, g, v, u, h, *, rho, eps, weight_decay=0.0):
        return ()

    def forward(xp, p, g, v, u, h, *, rho, eps, weight_decay):
        t = p.dtype.type
        g = _with_l2(g, p, weight_decay)
        v *= t(rho)
        v += g * g * t(1 - rho)
        d = xp.sqrt(u + t(eps)) / xp.sqrt(v + t(eps)) * g
        u *= t(rho)
        u += d * d * t(1 - rho)
        p -= d * h[0]


@op
class rprop_update:
    """Rprop (Riedmiller & Braun 1993): a step for each element, larger while its gradient keeps its sign.

    Where the sign turns, the step shrinks and this update is left out. The rate is only the first step; h is not read.
    """

    state = ("p", "before", "size")
    outputs = ()

    def shape(p, g, before, size, h, *, shrink, grow, smallest, largest, weight_decay=0.0):
        return ()

    def forward(xp, p, g, before, size, h, *, shrink, grow, smallest, largest, weight_decay):
        t = p.dtype.type
        g = _with_l2(g, p, weight_decay)
        turn = xp.sign(g * before)
        size *= xp.where(turn > 0, t(grow), xp.where(turn < 0, t(shrink), t(1)))
        xp.clip(size, t(smallest), t(largest), out=size)
        before[...] = xp.where(turn < 0, t(0), g)
        p -= xp.sign(before) * size


@op
class lion_update:
    """Lion (Chen et al. 2023, arXiv:2302.06675): the sign of a mixture of gradient and momentum.

    h = (lr, beta1, 1 - lr weight_decay).
    """

    state = ("p", "m")
    outputs = ()

    def shape(p, g, m, h, *, beta2, decoupled=True):
        return ()

    def forward(xp, p, g, m, h, *, beta2, decoupled):
        t = p.dtype.type
        if decoupled:
            p *= h[2]
        p -= xp.sign(m * h[1] + g * (1 - h[1])) * h[0]
        m *= t(beta2)
        m += g * t(1 - beta2)


@op
class average_update:
    """a = decay * a + (1 - decay) * p: the exponential moving average of the weights."""

    state = ("a",)
    outputs = ()

    def shape(a, p, *, decay):
        return ()

    def forward(xp, a, p, *, decay):
        a += (p - a) * p.dtype.type(1 - decay)


@op
class gradient_norm:
    """The joint norm of arrays: (sum |g| ** norm_type) ** (1 / norm_type), or the largest |g| where that is infinite.

    Accumulated in float64: the square of a float32 gradient overflows from 2e19 on.
    """

    outputs = ("norm",)

    def shape(*gs, norm_type=2.0):
        return gs[0].of()

    def forward(xp, gs, norm, *, norm_type):
        if norm_type == float("inf"):
            norm[...] = max((xp.abs(g).max() for g in gs if g.size), default=0)
            return
        total = 0.0
        for g in gs:
            if norm_type == 2:
                wide = g.astype("float64")
                total = total + (wide * wide).sum()
            elif norm_type == 1:
                total = total + xp.abs(g).sum(dtype="float64")
            else:
                total = total + (xp.abs(g).astype("float64") ** norm_type).sum()
        norm[...] = total ** (1 / norm_type)


@op
class scale_to_norm:
    """g *= min(1, limit / (norm + 1e-6)), PyTorch's clip_grad_norm_. NaN where the norm is, so that nothing is hidden."""

    state = ("g",)
    outputs = ()

    def shape(g, norm, *, limit):
        return ()

    def forward(xp, g, norm, *, limit):
        g *= xp.minimum(limit / (norm + norm.dtype.type(1e-6)), 1)


@op
class clip_to_value:
    """Every element of g is brought into [-limit, limit]; NaN stays NaN."""

    state = ("g",)
    outputs = ()

    def shape(g, *, limit):
        return ()

    def forward(xp, g, *, limit):
        xp.clip(g, -limit, limit, out=g)
