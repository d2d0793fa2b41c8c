from __future__ import annotations

from email.message import EmailMessage

import pytest

from tests.support.books import labels, read, refusal


def mail(subject: str = "Möbel", text: str = "The chairs come on 3 May.\n") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Zoë Meier <zoe@example.org>"
    message["To"] = "Piet <piet@example.org>"
    message["Date"] = "Tue, 14 Apr 2026 09:12:00 +0200"
    message["Subject"] = subject
    message["Message-ID"] = "<1@example.org>"
    message.set_content(text, cte="base64")
    return message


def test_a_mail_is_read_with_its_headers_its_text_and_the_names_of_what_is_attached() -> None:
    message = mail()
    message.add_attachment(b"\xff\xd8", maintype="image", subtype="jpeg", filename="Stühle.jpg")
    document = read(message.as_bytes(), "delay.eml")
    assert labels(document) == ["Möbel"]
    assert document.text.split("\n") == [
        "Subject: Möbel",
        "From: Zoë Meier <zoe@example.org>",
        "To: Piet <piet@example.org>",
        "Date: Tue, 14 Apr 2026 09:12:00 +0200",
        "",
        "The chairs come on 3 May.",
        "",
        "",
        "Attachments: Stühle.jpg",
    ]
    assert document.warnings == ()


def test_a_mail_is_known_by_its_headers_whatever_it_is_called() -> None:
    assert labels(read(mail().as_bytes(), "delay.txt")) == ["Möbel"]
    memo = b"From: Zoe\nTo: Piet\nSubject: chairs\n\nThey come on 3 May.\n"
    assert labels(read(memo, "memo.txt")) == [None]
    assert labels(read(memo, "memo.eml")) == ["chairs"]


def test_of_two_forms_of_a_text_the_plain_one_is_read_unless_it_says_little() -> None:
    message = mail(text="The chairs come on 3 May.")
    message.add_alternative("<p>The <b>chairs</b> come on 3 May.", subtype="html")
    assert read(message.as_bytes(), "a.eml").text.count("3 May") == 1
    message = mail(text="View this in a browser.")
    message.add_alternative(f"<p>{'The chairs come on 3 May. ' * 9}", subtype="html")
    assert "View this" not in read(message.as_bytes(), "a.eml").text


def test_a_forwarded_mail_is_a_section_of_its_own() -> None:
    message = mail("Fwd: chairs", "See below. " * 30)
    message.add_attachment(mail("chairs", "They come on 3 May."))
    document = read(message.as_bytes(), "a.eml")
    assert labels(document) == ["Fwd: chairs", "Fwd: chairs › chairs"]
    assert document.pages[1].text.startswith("Subject: chairs\nFrom: Zoë")


@pytest.mark.parametrize("charset", ["koi8-r", "", "unknown-8bit", "hex"])
def test_text_in_another_charset_is_read_whether_or_not_it_is_named(charset: str) -> None:
    text = "Стулья привезут третьего мая, потому что лак опоздал.\n"
    named = f"; charset={charset}" if charset else ""
    head = f"From: a@b.c\nMIME-Version: 1.0\nContent-Type: text/plain{named}\n\n"
    assert text.strip() in read(head.encode() + text.encode("koi8-r"), "a.eml").text


@pytest.mark.parametrize(
    "subject",
    [
        "=?utf-8?B?TcO2YmVs?=",
        "=?koi8-r?B?zcXCxczY?=",
        "=?x-none?Q?M=C3=B6bel?=",
        "=?utf-8?B?x?=",
        "",
    ],
)
def test_odd_headers_do_no_harm(subject: str) -> None:
    raw = f"Subject: {subject}\nFrom: a@b.c\n\nThe chairs come.\n".encode()
    assert "The chairs come." in read(raw, "a.eml").text


def test_what_is_encrypted_is_said() -> None:
    raw = (
        b"Subject: x\nMIME-Version: 1.0\nContent-Type: multipart/encrypted; boundary=b\n\n"
        b"--b\nContent-Type: text/plain\n\nsecret\n--b--\n"
    )
    assert "what is encrypted was not read" in read(raw, "a.eml").warnings[0]


def test_a_saved_page_is_read_as_the_page() -> None:
    raw = (
        b"From: <Saved by Blink>\nSnapshot-Content-Location: http://example.org/\n"
        b"Subject: =?utf-8?Q?M=C3=B6bel?=\nMIME-Version: 1.0\n"
        b'Content-Type: multipart/related; type="text/html"; boundary="b"\n\n--b\n'
        b"Content-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n"
        b"<html><body><h1>Ch=C3=A4irs</h1><p>Forty of =\nthem.</p></body></html>\n--b\n"
        b"Content-Type: image/png\nContent-Location: http://example.org/a.png\n\nxx\n--b--\n"
    )
    for name in ("page.mhtml", "page.mht", "page"):
        document = read(raw, name)
        assert "Forty of them." in document.text
        assert document.text.startswith("Möbel")
        assert "Saved by" not in document.text


def test_each_mail_of_a_mailbox_is_a_section() -> None:
    bodies = ["First.\n>From here on.\n", "From now on, as before.\n"]
    raw = (
        b"".join(
            b"From zoe@example.org Tue Apr 14 09:12:00 2026\n"
            + mail(f"Mail {at}").as_bytes()
            + b"\n"
            for at in range(2)
        )
        + "".join(
            f"From zoe@example.org Tue Apr 14 09:12:00 2026\nSubject: s{at}\n\n{body}\n"
            for at, body in enumerate(bodies)
        ).encode()
    )
    document = read(raw, "all.mbox")
    assert labels(document) == ["Mail 0", "Mail 1", "s0", "s1"]
    assert "\nFrom here on." in document.text
    assert "From now on" in document.pages[3].text


def test_a_mail_nested_without_end_is_refused() -> None:
    raw = b"Subject: x\nContent-Type: message/rfc822\n\n" * 3000
    refusal(raw, "a.eml")
