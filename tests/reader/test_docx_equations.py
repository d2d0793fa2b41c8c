"""Equations of Word in a line of letters."""

from __future__ import annotations

import time

import pytest

from tests.support.word_files import STRICT, block, run, text_of


def letters(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


def part(name: str, inner: str) -> str:
    return f"<m:{name}>{inner}</m:{name}>"


def over(above: str, below: str, kind: str = "") -> str:
    setting = f'<m:fPr><m:type m:val="{kind}"/></m:fPr>' if kind else ""
    return part("f", setting + part("num", above) + part("den", below))


def raised(inner: str, exponent: str) -> str:
    return part("sSup", part("e", inner) + part("sup", exponent))


def lowered(inner: str, index: str) -> str:
    return part("sSub", part("e", inner) + part("sub", index))


def bracketed(*inner: str, opening: str = "(", closing: str = ")") -> str:
    signs = f'<m:begChr m:val="{opening}"/><m:endChr m:val="{closing}"/>'
    return part("d", part("dPr", signs) + "".join(part("e", each) for each in inner))


def large(sign: str, below: str, above: str, inner: str) -> str:
    signs = part("naryPr", f'<m:chr m:val="{sign}"/>') if sign else ""
    return part("nary", signs + part("sub", below) + part("sup", above) + part("e", inner))


def called(name: str, inner: str) -> str:
    return part("func", part("fName", name) + part("e", inner))


def table(*rows: tuple[str, ...]) -> str:
    return part(
        "m", "".join(part("mr", "".join(part("e", letters(each)) for each in row)) for row in rows)
    )


E, X, N = letters("E="), letters("x"), letters("n")
ENERGY = E + over(letters("k") + raised(letters("v"), letters("3")), letters("7"))


@pytest.mark.parametrize(
    ("inner", "line"),
    [
        (ENERGY, "E = k v^3/7"),
        (over(letters("a+b"), letters("2c")), "(a + b)/(2c)"),
        (over(over(letters("a"), letters("b")), letters("c")), "(a/b)/c"),
        (over(letters("a"), over(letters("b"), letters("c"))), "a/(b/c)"),
        (
            over(letters("1"), letters("2")) + letters("m") + raised(letters("v"), letters("2")),
            "(1/2) m v^2",
        ),
        (over(letters("−1"), N), "(−1)/n"),
        (raised(letters("10"), letters("−6")), "10^(−6)"),
        (raised(letters("x"), letters("n+1")), "x^(n + 1)"),
        (raised(bracketed(letters("a+b")), letters("2")), "(a + b)^2"),
        (raised(raised(X, letters("2")), letters("3")), "(x^2)^3"),
        (raised(lowered(X, letters("i")), letters("2")), "x_i^2"),
        (raised(letters("e"), over(letters("x"), letters("2"))), "e^(x/2)"),
        (lowered(letters("v"), letters("max")), "v_max"),
        (lowered(letters("a"), letters("i,j")), "a_(i,j)"),
        (
            part("sSubSup", part("e", X) + part("sub", letters("i")) + part("sup", letters("2"))),
            "x_i^2",
        ),
        (raised(X, letters("2")) + letters("+2x−3=0"), "x^2 + 2x − 3 = 0"),
        (letters("y=−x"), "y = −x"),
        (
            part(
                "rad",
                '<m:radPr><m:degHide m:val="1"/></m:radPr>'
                + part("deg", "")
                + part("e", letters("a+b")),
            ),
            "sqrt(a + b)",
        ),
        (part("rad", part("deg", letters("3")) + part("e", X)), "root_3(x)"),
        (large("∑", letters("i=1"), N, lowered(X, letters("i"))), "sum_(i = 1)^n x_i"),
        (large("∑", letters("i"), "", letters("a+b")), "sum_i (a + b)"),
        (
            large("", letters("0"), letters("∞"), letters("f") + bracketed(X) + letters("dx")),
            "int_0^∞ f(x) dx",
        ),
        (large("⋃", letters("i"), "", letters("A")), "⋃_i A"),
        (called(letters("sin"), X), "sin(x)"),
        (called(lowered(letters("log"), letters("2")), bracketed(X)), "log_2(x)"),
        (
            called(
                part("limLow", part("e", letters("lim")) + part("lim", letters("x→0"))),
                over(letters("1"), X),
            ),
            "lim_(x → 0) 1/x",
        ),
        (bracketed(X, letters("y"), opening="⟨", closing="⟩"), "⟨x | y⟩"),
        (bracketed(X, opening="|", closing="|"), "|x|"),
        (bracketed(over(N, letters("k"), "noBar")), "(n choose k)"),
        (table(("a", "b"), ("c", "d")), "[a, b; c, d]"),
        (bracketed(table(("a", "b"), ("c", "d")), opening="|", closing="|"), "|a, b; c, d|"),
        (
            letters("f=")
            + bracketed(
                part(
                    "eqArr",
                    part("e", letters("0, &amp;x&lt;0")) + part("e", letters("1, &amp;x≥0")),
                ),
                opening="{",
                closing="",
            ),
            "f = {0, x < 0; 1, x ≥ 0",
        ),
        (part("eqArr", part("e", letters("a=b#(1)"))), "a = b (1)"),
        (part("acc", part("accPr", '<m:chr m:val="⃗"/>') + part("e", letters("F"))), "vec(F)"),
        (part("acc", part("e", letters("p"))), "hat(p)"),
        (part("bar", part("barPr", '<m:pos m:val="top"/>') + part("e", X)), "bar(x)"),
        (
            part(
                "sPre",
                part("sub", letters("6")) + part("sup", letters("14")) + part("e", letters("C")),
            ),
            "^14_6 C",
        ),
        (part("borderBox", part("e", X)), "x"),
        (part("phant", part("phantPr", '<m:show m:val="0"/>') + part("e", X)) + letters("y"), "y"),
        (letters("𝐸=𝑚") + raised(letters("𝑐"), letters("2")), "E = m c^2"),
        (f"<w:ins>{letters('a')}</w:ins><w:del>{letters('b')}</w:del>", "a"),
    ],
)
def test_an_equation_becomes_a_line(inner: str, line: str) -> None:
    assert text_of(block(f"<m:oMath>{inner}</m:oMath>")) == line


def test_an_equation_stands_in_its_sentence() -> None:
    sentence = block("The energy is", f"<m:oMath>{ENERGY}</m:oMath>", run(", where k is 0.42."))
    assert text_of(sentence) == "The energy is E = k v^3/7, where k is 0.42."


def test_equations_on_their_own_have_lines_of_their_own() -> None:
    own = f"<m:oMathPara><m:oMath>{ENERGY}</m:oMath><m:oMath>{X}</m:oMath></m:oMathPara>"
    assert text_of(block("before", own, "after")) == "before\nE = k v^3/7\nx\nafter"
    assert text_of(block("before") + own) == "before\nE = k v^3/7\nx"


def test_an_equation_of_the_strict_standard_is_read() -> None:
    assert text_of(block(f"<m:oMath>{ENERGY}</m:oMath>"), names=STRICT) == "E = k v^3/7"


def test_a_vast_equation_takes_time_that_grows_with_its_length() -> None:
    vast = block(f"<m:oMath>{letters('+ ' * 300_000)}</m:oMath>")
    began = time.process_time()
    text_of(vast)
    assert time.process_time() - began < 2.5
