"""Fits the polynomials of autograd/vector_math.h and prints them as C (needs numpy).

Each is a least-squares fit at Chebyshev nodes, which is within a factor of two of the minimax error;
run it again after changing a degree:  python3 autograd/fit_math.py
"""
import math
import numpy as np


def fit(name, f, lo, hi, degree, weight=lambda x: 1.0):
    nodes = np.cos((np.arange(4000) + 0.5) / 4000 * math.pi)
    x = (lo + hi) / 2 + (hi - lo) / 2 * nodes
    y = np.array([f(v) for v in x])
    w = np.array([weight(v) for v in x])
    scaled = np.polynomial.chebyshev.Chebyshev.fit(x, y, degree, domain=[lo, hi], w=w)
    p = scaled.convert(kind=np.polynomial.Polynomial).coef
    worst = max(abs(np.polyval(p[::-1], x) - y) * w)
    print(f"/* {name}: degree {degree} on [{lo:g}, {hi:g}], error {worst:.1e} */")
    print("   ", ", ".join(f"{c:.9g}f" for c in p))


# exp(r) on half an octave; the first two coefficients are 1 by construction of the remainder
fit("exp: (e^r - 1 - r) / r^2", lambda r: (math.expm1(r) - r) / (r * r) if abs(r) > 1e-4
    else 0.5 + r / 6, -0.3466, 0.3466, 4)
# The normal distribution's tail: Phi(-x) = exp(-x^2 / 2) P(s), s = x / (4 + x), of equal relative error
fit("normal tail over exp(-x^2 / 2), in x / (4 + x)",
    lambda s: math.erfc(4 * s / (1 - s) / math.sqrt(2)) / 2 * math.exp(8 * s * s / (1 - s) ** 2),
    0, 13.3 / 17.3, 9,
    lambda s: 2 / math.erfc(4 * s / (1 - s) / math.sqrt(2)) / math.exp(8 * s * s / (1 - s) ** 2))
# tanh near zero: tanh(x) = x + x^3 * P(x^2)
fit("tanh small: (tanh(x)/x - 1) / x^2, in x^2",
    lambda s: (math.tanh(math.sqrt(s)) / math.sqrt(s) - 1) / s if s > 1e-6 else -1 / 3 + 2 * s / 15,
    1e-13, 0.39, 4)
