"""A race as a page of its own, which plays it in any browser as it was timed: style sheets alone, without scripts."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from string import Template

from app.ink.marks import Mark, colour_of, mark_of
from app.log.ledger import Ledger
from app.log.race import Result
from app.look.palette import DARK, LIGHT, Palette, blend
from app.speculation.legend import ENTRIES, marks_of
from engine import words

FADE = 0.12  # seconds in which a mark appears
_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>$title</title>
<style>
@property --ms { syntax: "<integer>"; inherits: true; initial-value: 0; }
:root { color-scheme: light dark; $light }
@media (prefers-color-scheme: dark) { :root { $dark } }
body { font: 16px/1.55 system-ui, sans-serif; background: var(--back); color: var(--text);
  max-width: 64rem; margin: 2rem auto; padding: 0 1rem; --slow: 1; }
h1 { font-size: 1.15rem; margin: 0 0 .2rem; } h2 { font-size: .95rem; margin: 0 0 .6rem; }
small, footer, nav, .figures { color: var(--muted); font-size: .82rem; }
h2 small { font-weight: 400; margin-left: .4rem; }
main { display: grid; grid-template-columns: 1fr 1fr; gap: .8rem; margin: 1rem 0; }
@media (max-width: 40rem) { main { grid-template-columns: 1fr; } }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .9rem 1rem;
  display: flex; flex-direction: column; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.8; flex: 1; margin: 0 0 .8rem; }
.clock { font-size: 1.5rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.clock::before { counter-reset: ms var(--ms); content: counter(ms) " ms"; }
.clock, .t { --run: calc(var(--t) * var(--slow) * 1s); }
.clock { animation: tick-a var(--run) linear forwards; }
.t { opacity: 0; animation: show-a ${fade}s linear var(--run) forwards; }
@keyframes tick-a { to { --ms: var(--end); } } @keyframes tick-b { to { --ms: var(--end); } }
@keyframes show-a { to { opacity: 1; } } @keyframes show-b { to { opacity: 1; } }
#again-b:checked ~ * .t, #again-b:checked ~ .t { animation-name: show-b; }
#again-b:checked ~ * .clock { animation-name: tick-b; }
#half:checked ~ * , #half:checked ~ .t { --slow: 2; } #quarter:checked ~ *, #quarter:checked ~ .t { --slow: 4; }
@media (prefers-reduced-motion: reduce) { .clock, .t { --slow: 0; } }
input { position: absolute; opacity: 0; }
nav { display: flex; gap: .5rem; flex-wrap: wrap; }
label { border: 1px solid var(--line); border-radius: 8px; padding: .25rem .7rem; cursor: pointer; }
#real:checked ~ nav [for=real], #half:checked ~ nav [for=half], #quarter:checked ~ nav [for=quarter] {
  background: var(--line); color: var(--text); }
#again-a:checked ~ nav [for=again-a], #again-b:checked ~ nav [for=again-b] { display: none; }
input:focus-visible ~ nav { outline: 2px solid var(--written); outline-offset: 4px; border-radius: 8px; }
.verdict { font-size: 1.15rem; font-weight: 600; margin: 0; }
.drafted { background: var(--drafted-tint); border-radius: 3px; }
.looked-up { background: var(--looked-up-tint); box-shadow: inset 0 0 0 1px var(--looked-up); }
.corrected { background: var(--corrected-tint); border-bottom: 2px dotted var(--corrected); }
.written { border-bottom: 2px solid var(--written); }
ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; font-size: .82rem; }
</style>
</head>
<body>
<input type="radio" name="again" id="again-a" checked><input type="radio" name="again" id="again-b">
<input type="radio" name="speed" id="real" checked><input type="radio" name="speed" id="half">
<input type="radio" name="speed" id="quarter">
<h1>$title</h1>
<small>Each ran alone, one after the other; shown together, as timed.$lossy The clocks start once the question has
been read.</small>
<main>
$sides
</main>
<p class="verdict t" style="--t:$end">$verdict</p>
<p class="figures t" style="--t:$end">$figures.</p>
<nav><label for="again-a">Play again</label><label for="again-b">Play again</label>
<label for="real">Real speed</label><label for="half">½ speed</label><label for="quarter">¼ speed</label></nav>
<ul>$legend</ul>
<footer>$model, raced in Updraft, $when</footer>
</body>
</html>
""")
_SIDE = Template("""<section>
<h2>$name<small>$note</small></h2>
<p class="text">$text</p>
<div class="clock" style="--t:$end;--end:$milliseconds"></div>
<div class="figures t" style="--t:$end">$tokens · $pace tokens/s</div>
</section>""")


def page(result: Result, plain: Ledger, fast: Ledger) -> str:
    """Return the page of a race: what came of it, and the logs of both replies."""
    course = result.course
    notes = ("one token at a time", "exact" if course.lossless else "lossy")
    sides = [
        _side(name, note, ledger, result.seconds[at], result.tokens[at])
        for at, (name, note, ledger) in enumerate(zip(("Plain", course.title), notes, (plain, fast), strict=True))
    ]
    legend = [(_style(mark), *ENTRIES[mark][:2]) for mark in _kept(fast)]
    return _PAGE.substitute(
        title=html.escape(course.question.strip()[:200] or "A race"),
        light=_colours(LIGHT),
        dark=_colours(DARK),
        fade=FADE,
        lossy="" if course.lossless else f" {html.escape(course.title)} is lossy: its words may differ from plain's.",
        sides="\n".join(sides),
        end=f"{max(result.seconds):.3f}",
        verdict=html.escape(str(result)),
        figures=html.escape(result.figures),
        legend="".join(f'<li><span class="{style}">{word}</span> {rest}' for style, word, rest in legend),
        model=html.escape(course.model),
        when=datetime.now().astimezone().strftime("%Y-%m-%d"),
    )


def _side(name: str, note: str, ledger: Ledger, seconds: float, tokens: int) -> str:
    return _SIDE.substitute(
        name=html.escape(name),
        note=note,
        text="".join(_spans(ledger)),
        end=f"{seconds:.3f}",
        milliseconds=round(1000 * seconds),
        tokens=words.tokens(tokens),
        pace=words.pace(tokens / seconds),
    )


def _spans(ledger: Ledger) -> Iterator[str]:
    """Yield the words of a reply: those that came together from one writer in one piece, with their moment."""
    kept = [(index, token) for index, token in enumerate(ledger.tokens) if not token.ghost]

    def kind(item: tuple[int, object]) -> tuple[int, Mark]:
        return ledger.owners[item[0]], mark_of(ledger.tokens[item[0]], ledger.levels)

    for (at, mark), tokens in groupby(kept, kind):
        round_ = ledger.rounds[at]
        text = html.escape("".join(token.text for _, token in tokens))
        word = text.lstrip()  # a space that ends a line has no mark
        when = f"{round_.start + round_.seconds:.3f}"
        yield f'{text[: len(text) - len(word)]}<span class="t {_style(mark)}" style="--t:{when}">{word}</span>'


def _kept(ledger: Ledger) -> Sequence[Mark]:
    """Return the marks that words of a reply can have."""
    return [mark for mark in marks_of(ledger.levels) if mark in _PAINTED]


def _style(mark: Mark) -> str:
    return mark.value.replace(" ", "-")


def _colours(palette: Palette) -> str:
    plain = {name: getattr(palette, name) for name in ("card", "line", "text", "muted")} | {"back": palette.background}
    for mark in _PAINTED:
        colour = colour_of(mark, palette)
        plain |= {_style(mark): colour, f"{_style(mark)}-tint": blend(colour, palette.card, palette.tint)}
    return " ".join(f"--{name}: {colour};" for name, colour in plain.items())


_PAINTED = (Mark.DRAFTED, Mark.LOOKED_UP, Mark.CORRECTED, Mark.WRITTEN)
