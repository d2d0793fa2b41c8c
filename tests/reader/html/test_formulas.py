from __future__ import annotations

import pytest

from tests.support.html_pages import text_of


def row(text: str) -> str:
    """Return the MathML of letters, numbers and signs."""
    kinds = ((str.isdigit, "mn"), (str.isalpha, "mi"))
    tags = (next((tag for test, tag in kinds if test(each)), "mo") for each in text)
    return "".join(f"<{tag}>{each}</{tag}>" for tag, each in zip(tags, text, strict=True))


def power(base: str, to: str) -> str:
    return f"<msup><mrow>{base}</mrow><mrow>{to}</mrow></msup>"


def fraction(over: str, under: str) -> str:
    return f"<mfrac><mrow>{over}</mrow><mrow>{under}</mrow></mfrac>"


SQUARE = power(row("b"), row("2"))


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        (row("p=") + fraction(row("F"), row("A")), "p=F/A"),
        (fraction(row("a+b"), row("2a")), "(a+b)/(2a)"),
        (fraction(row("1"), row("2")) + row("m"), "(1/2)m"),
        (row("2") + fraction(row("1"), row("2")), "2 1/2"),
        (power(row("10"), row("−3")), "10^-3"),
        (power(row("x"), row("n+1")), "x^(n+1)"),
        (power(row("(a+b)"), row("2")), "(a+b)^2"),
        (power(row("ab"), row("2")), "(ab)^2"),
        (row("f") + power("", row("′")), "f'"),
        (f"<msqrt>{SQUARE}{row('−4ac')}</msqrt>", "√(b^2-4ac)"),
        (f"<mroot>{row('x')}{row('3')}</mroot><mroot>{row('x')}{row('5')}</mroot>", "∛x root_5 x"),
        (f"<msub>{row('H2')}</msub>{row('O')}", "H_2O"),
        (f"<msubsup>{row('x12')}</msubsup>{row('y')}", "x_1^2 y"),
        (
            f"<munderover><mo>∑</mo><mrow>{row('i=1')}</mrow>{row('n')}</munderover>{row('i')}",
            "∑_(i=1)^n i",
        ),
        (f"<munder><mi>lim</mi><mrow>{row('x→0')}</mrow></munder>{row('f')}", "lim_(x→0) f"),
        (f"<mover>{row('x')}<mo>¯</mo></mover>", "x\u0304"),
        ("<mi>sin</mi><mo>&#x2061;</mo><mi>x</mi><mn>2</mn><mo>&#x2062;</mo><mi>y</mi>", "sin x2y"),
        (f"<mtext>if </mtext>{row('x')}<mspace/>{row('y')}", "if x y"),
        (f"<mfenced>{row('xy')}</mfenced><mphantom>{row('z')}</mphantom>", "(x,y)"),
        (
            "<mo>(</mo><mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>2</mn></mtd></mtr>"
            "<mtr><mtd><mn>3</mn></mtd><mtd><mn>4</mn></mtd></mtr></mtable><mo>)</mo>",
            "([1, 2; 3, 4])",
        ),
        (
            "<mmultiscripts><mi>C</mi><mprescripts/><mn>6</mn><mn>14</mn></mmultiscripts>",
            "_6^14C",
        ),
        ("<menclose notation='radical'><mi>x</mi></menclose>", "√x"),
    ],
)
def test_a_formula_is_one_line(inside: str, text: str) -> None:
    assert text_of(f"<p>is <math>{inside}</math> here") == f"is {text} here"


def test_a_formula_with_an_annotation_is_read_once() -> None:
    annotation = r'<annotation encoding="application/x-tex">p=\frac{F}{A}</annotation>'
    shown = row("p=") + fraction(row("F"), row("A"))
    both = f"<math><semantics><mrow>{shown}</mrow>{annotation}</semantics></math>"
    assert text_of(f"is {both}.") == "is p=F/A."
    assert text_of(f"<m:math>{both[6:-7].replace('<m', '<m:m').replace('</m', '</m:m')}</m:math>")
    only = f"<math><semantics>{annotation}</semantics></math>"
    assert text_of(f"is {only}.") == r"is p=\frac{F}{A}."


def test_a_formula_that_a_script_shows_a_second_time_is_read_once() -> None:
    formula = f"<math>{row('p=F')}</math>"
    shown = "<span class=katex-html aria-hidden=true><span>p</span>=<span>F</span></span>"
    assert text_of(f"<span class=katex-mathml>{formula}</span>{shown}.") == "p=F."
    nobr = "<nobr aria-hidden=true><span>p</span>=<span>F</span></nobr>"
    assert text_of(f"<span class=MathJax>{nobr}<span>{formula}</span></span>.") == "p=F."


def test_a_formula_of_its_own_is_a_line() -> None:
    assert text_of(f"so<math display=block>{row('x=1')}</math>and") == "so\nx=1\nand"


@pytest.mark.parametrize("tag", ["mrow", "msqrt", "mfrac", "msup"])
def test_a_deep_or_broken_formula_is_read(tag: str) -> None:
    assert "x" in text_of(f"a <math>{f'<{tag}>' * 5_000}<mi>x</mi>")
    assert "x" in text_of(f"<math><{tag}><mi>x</mi></{tag}></math>")


def test_a_formula_of_countless_parts_is_read() -> None:
    assert text_of(f"<math>{'<mi>x</mi>' * 50_000}</math>").startswith("xxx")
