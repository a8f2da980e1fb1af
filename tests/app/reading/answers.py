"""Twenty answers of the kinds that models write, for what has to hold of any."""

CODE = """Here is a function:

```python
def greet(name: str) -> str:
    \"\"\"Say hello.\"\"\"
    if not name:

        raise ValueError("no name")
    return f"Hello, {name}!"
```

Call it with `greet("Ada")`. It raises a **ValueError** for an empty name.
"""
CODE_FIRST = """```bash
pip list | grep torch   # what is installed
ls -la ~/models
```
Run both, one after the other."""
SHELL = """1. Make a folder:
   ```sh
   mkdir demo
   cd demo
   ```
2. Then run `make`:

   ```sh
   make -j4
   ```
3. Done."""
NESTED = """Things to pack:

- Clothes
  - two shirts
  - a coat, *if it is cold*
- Papers
  1. passport
  2. tickets
- Food

Then close the bag."""
LOOSE = """1. **First**, measure twice.

   A second paragraph of the same point.

2. **Then**, cut once.

3. Clean up."""
TABLE = """A comparison:

| Model | Size | Speed |
|:------|-----:|:-----:|
| small | 1 GB | 90 |
| large | 16 GB | **12** |

The small one is faster."""
QUOTES = """As they say:

> The best way out
> is always through.
>
> - a list in it
> - of two

> Another one.

That is all."""
HEADINGS = """# Title

## Part one

Some text under it, with a [link](https://example.org/a_b?c=d) in it.

### Deeper

* * *

Setext
------

The end."""
FORMULAS = r"""The roots are \(x = 1\) and $y = 2$ for

$$x^2 - 3x + 2 = 0$$

which costs $5 or $6 in the shop."""
EMPHASIS = """This is *slanted*, **bold**, ***both***, ~~gone~~, `code` and ``a ` tick``; 2 * 3 * 4 = 24, a_b_c stays,
and 2 ** 3 is 8. **Note:** bold to the end of a line
goes on in the next."""
CHECKS = """- [x] done
- [ ] to do
- [ ] later, with `code`"""
NUMBERS = """42

7. a list that starts at seven
8. and goes on

1986. A great year it was not."""
EMOJI = """Hello 👋🏽! Family: 👨‍👩‍👧‍👦, flags 🇩🇪🇫🇷.

- 🍎 apple
- 🍌 banana"""
RIGHT_TO_LEFT = """שלום **עולם**, זה טקסט.

- פריט אחד
- פריט שני

مرحبا بالعالم."""
SCRIPTS = """日本語の**太字**と`コード`。

1. 一つ
2. 二つ

Ελληνικά, русский, हिन्दी."""
HTML = """Use <b>tags</b> & &amp; entities <br> like this: <script>alert(1)</script>.

<div>
a block
</div>

Done."""
UNCLOSED = """Look:

```js
const a = {b: [1, 2, 3]};
for (const x of a.b) { console.log(`${x}`); }"""
TILDES = """~~~markdown
```python
inner = 1
```
~~~

After it, a hard\x20\x20
break and a \\*star\\*."""
LINKS = """See [the docs][d] and <https://example.org/x>, or ![a picture](https://example.org/p.png).

[d]: https://example.org/docs

Footer."""
PROSE = """The sky is blue because air scatters short waves more than long ones. Lord Rayleigh showed in 1871 that
it goes with the fourth power.

That is why sunsets are red: the light has come a long way, and most of the blue has gone elsewhere. "Quite so," he
said; it's true."""

ANSWERS = {name.lower(): text for name, text in list(globals().items()) if name.isupper()}
