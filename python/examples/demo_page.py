"""The page that `demo.py` writes: one HTML file with all pictures inside."""

import base64
import html
from collections.abc import Sequence
from pathlib import Path

STYLE = """
:root { color-scheme: light; --ink: #1b1b1f; --soft: #63636b; --line: #e6e3dd; --accent: #b3471b; }
* { box-sizing: border-box; }
body { margin: 0; background: #faf8f5; color: var(--ink);
  font: 17px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1000px; margin: 0 auto; padding: 72px 28px 96px; }
h1 { font-size: clamp(34px, 6vw, 54px); line-height: 1.08; letter-spacing: -0.025em;
  margin: 0 0 20px; font-weight: 700; }
.lead { font-size: 20px; color: var(--soft); max-width: 40em; margin: 0 0 16px; }
section { margin-top: 72px; }
h2 { font-size: 26px; letter-spacing: -0.015em; line-height: 1.2; margin: 0 0 8px; }
h2 span { color: var(--accent); font-variant-numeric: tabular-nums; margin-right: 0.55em; }
p { max-width: 44em; margin: 0 0 18px; }
figure { margin: 0; background: #fff; border: 1px solid var(--line); border-radius: 12px;
  padding: 22px; overflow-x: auto; }
figure img { display: block; max-width: 100%; margin: 0 auto; }
figure img + img { margin-top: 22px; }
pre { margin: 0; font: 13px/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono",
  monospace; }
.table { overflow-x: auto; }
pre.code { margin: 14px 0 0; padding: 12px 16px; background: #f1ede6; border-radius: 8px;
  overflow-x: auto; color: #3a342c; }
.photos { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 22px; }
.photos div { font-weight: 600; }
.photos img { width: 100%; border-radius: 8px; margin: 0 0 10px; }
.photos small { display: block; font-weight: 400; color: var(--soft); }
code { font: 0.88em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; background: #f1ede6;
  padding: 0.1em 0.35em; border-radius: 4px; }
footer { margin-top: 80px; padding-top: 20px; border-top: 1px solid var(--line);
  color: var(--soft); font-size: 14px; }
"""


def embedded(path: Path, alt: str) -> str:
    """A picture inside the page."""
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{data}">'


def section(number: int, title: str, text: str, content: str, code: str) -> str:
    """A numbered part of the page: what is seen, the picture, and the calls that made it."""
    return (
        f"<section><h2><span>{number}</span>{title}</h2><p>{text}</p>"
        f'<figure>{content}</figure><pre class="code">{html.escape(code)}</pre></section>'
    )


def one_page(title: str, lead: str, sections: Sequence[str]) -> str:
    """The whole page."""
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Phosphene</title>
<style>{STYLE}</style>
<main>
<h1>{title}</h1>
<p class="lead">{lead}</p>
{"".join(sections)}
<footer>Made by <code>python/examples/demo.py</code> with Phosphene.</footer>
</main>
</html>
"""
