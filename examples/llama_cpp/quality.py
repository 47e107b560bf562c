"""How far distributions of the next token are apart."""

import numpy as np


def log_softmax(logits):
    x = logits.astype(np.float64) - logits.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def divergence(wanted, got):
    """Kullback-Leibler divergence of the distributions of these logits, in nats, mean over rows."""
    p, q = log_softmax(wanted), log_softmax(got)
    return (np.exp(p) * (p - q)).sum(-1).mean()


def perplexity(logits, tokens):
    """Of the tokens that really followed."""
    return np.exp(-log_softmax(logits)[np.arange(len(tokens)), tokens].mean())


def same_choice(wanted, got):
    """Share of rows whose likeliest token is the same."""
    return (wanted.argmax(-1) == got.argmax(-1)).mean()
