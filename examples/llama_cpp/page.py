"""The table and the page of measure.py."""

from html import escape

NOTES = """\
prompt, decode: tokens a second, decode the best of three rounds by turns; x: against stock f16. attention: ms of a token
spent in crest. MB: of the cache and its sketch that a token reads, at least, share: of an f16 cache. KL: nats, mean over
the tokens, to the reference and to crest exact; the row "summed in another order" is the noise floor, two exact
attentions that differ in nothing else. told: largest error guided predicted of a head; exact: share of rows it did
exactly. Text: the language reference that comes with Python."""

FLOOR = "crest exact, summed in another order"


def columns(threads):
    """(title, key, format)."""
    speeds = [(f"{what} t{t}", f"{what}_{t}", "{:.1f}") for t in threads for what in ("prompt", "decode")]
    ratios = [(f"x t{t}", f"ratio_{t}", "{:.2f}") for t in threads]
    attention = [(f"attention t{t}", f"attention_ms_{t}", "{:.2f}") for t in threads]
    return speeds + ratios + attention + [
        ("MB", "megabytes", "{:.1f}"), ("share", "share", "{:.3f}"), ("KL ref", "kl_reference", "{:.4f}"),
        ("KL exact", "kl_exact", "{:.4f}"), ("ppl", "perplexity", "{:.3f}"), ("same", "same", "{:.3f}"),
        ("told", "told", "{:.2f}"), ("exact", "fallbacks", "{:.3f}")]


def with_ratios(rows, threads):
    stock = {row["keys"]: row for row in rows if row["name"] == "stock f16"}
    for row in rows:
        for t in threads:
            if f"decode_{t}" in row:
                row[f"ratio_{t}"] = row[f"decode_{t}"] / stock[row["keys"]][f"decode_{t}"]
            if f"attention_{t}" in row:
                row[f"attention_ms_{t}"] = 1e3 / row[f"attention_{t}"]
    return sorted(rows, key=lambda row: (row["keys"], row["name"] != FLOOR))


def cells(row, threads):
    return [form.format(row[key]) if key in row else "" for _, key, form in columns(threads)]


def table(rows, threads):
    titles = [title for title, _, _ in columns(threads)]
    body = [cells(row, threads) for row in with_ratios(rows, threads)]
    widths = [max(map(len, column)) for column in zip(titles, *body)]
    line = lambda name, texts: f"{name:36} " + "  ".join(text.rjust(w) for text, w in zip(texts, widths))
    lines = [line(f"{rows[0]['keys']} tokens", titles)]
    return "\n".join(lines + [line(row["name"], c) for row, c in zip(with_ratios(rows, threads), body)]) + "\n"


def bars(rows, thread, width=520, height=22):
    """Decode speed of each setup at one length."""
    rows = [row for row in rows if f"decode_{thread}" in row]
    most = max(row[f"decode_{thread}"] for row in rows)
    marks = []
    for i, row in enumerate(rows):
        length, y = width * row[f"decode_{thread}"] / most, i * height
        kind = "crest" if row["name"].startswith("crest") else "stock"
        label = f"{row[f'decode_{thread}']:.1f} tokens/s, KL {row['kl_reference']:.4f}"
        marks.append(f'<text x="170" y="{y + 15}" text-anchor="end">{escape(row["name"])}</text>'
                     f'<rect class="{kind}" x="180" y="{y + 3}" width="{length:.1f}" height="{height - 6}"/>'
                     f'<text x="{186 + length:.1f}" y="{y + 15}">{label}</text>')
    return f'<svg viewBox="0 0 {width + 420} {len(rows) * height}" role="img">{"".join(marks)}</svg>'


STYLE = """
:root { color-scheme: light dark; --ink: #222; --paper: #fff; --stock: #b8bdc6; --crest: #1f77b4; }
@media (prefers-color-scheme: dark) { :root { --ink: #ddd; --paper: #16181c; --stock: #596070; --crest: #58a6e8; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: var(--ink);
  background: var(--paper); }
svg text { font-size: 12px; fill: var(--ink); } .stock { fill: var(--stock); } .crest { fill: var(--crest); }
table { border-collapse: collapse; font-size: 13px; } td, th { padding: .2rem .5rem; text-align: right; }
th:first-child, td:first-child { text-align: left; } .scroll { overflow-x: auto; }
"""


def html_table(rows, threads):
    head = "".join(f"<th>{escape(title)}</th>" for title, _, _ in columns(threads))
    body = "".join(
        f"<tr><td>{escape(row['name'])}</td>" + "".join(f"<td>{cell}</td>" for cell in cells(row, threads)) + "</tr>"
        for row in with_ratios(rows, threads))
    return f'<div class="scroll"><table><tr><th>{rows[0]["keys"]} tokens</th>{head}</tr>{body}</table></div>'


def html(rows, threads, conversation):
    parts = []
    for keys in sorted({row["keys"] for row in rows}, reverse=True):
        some = with_ratios([row for row in rows if row["keys"] == keys], threads)
        charts = "".join(f"<h3>Decode, {t} thread{'s' if t > 1 else ''}</h3>{bars(some, t)}" for t in threads)
        parts.append(f"<h2>{keys} tokens of context</h2>{charts}{html_table(some, threads)}")
    return (f'<!doctype html><meta charset="utf-8"><title>crest inside llama.cpp</title><style>{STYLE}</style>'
            f"<h1>crest inside llama.cpp</h1>{''.join(parts)}<p>{escape(NOTES)}</p>"
            f"<h2>It talks</h2><p>{escape(conversation)}</p>\n")
