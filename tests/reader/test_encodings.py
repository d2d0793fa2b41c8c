from __future__ import annotations

import random

import pytest

from rapid_cli.errors import DocumentError
from rapid_cli.reader import reading
from rapid_cli.reader.formats.encodings.names import encoding_named, known_encoding
from tests.support.books import read, refusal

TEXTS = {
    "russian": "Протокол заседания.\nСобрание прошло в Казани, смета утверждена на три года.\n",
    "ukrainian": "Порядок денний.\nЗбори відбулися у Львові, кошторис затверджено на три роки.\n",
    "bulgarian": "Протокол.\nСъбранието се проведе в Пловдив и бюджетът беше приет единодушно.\n",
    "greek": "Πρακτικά.\nΗ συνεδρίαση έγινε στην Πάτρα και ο προϋπολογισμός εγκρίθηκε.\n",
    "turkish": "Tutanak.\n"
    "Toplantı İzmir'de yapıldı, bütçe üç yıl için oy birliğiyle kabul edildi.\n",
    "polish": "Protokół.\n"
    "Zebranie odbyło się w Łodzi, a budżet przyjęto jednogłośnie na trzy lata.\n",
    "czech": "Zápis.\nSchůze se konala v Plzni, rozpočet byl přijat jednomyslně na tři roky.\n",
    "hungarian": "Jegyzőkönyv.\n"
    "Az ülést Győrben tartották, a költségvetést elfogadták három évre.\n",
    "lithuanian": "Protokolas.\n"
    "Posėdis įvyko Šiauliuose, biudžetas buvo priimtas trejiems metams.\n",
    "latvian": "Protokols.\nSēde notika Liepājā, budžets tika vienbalsīgi pieņemts trīs gadiem.\n",
    "hebrew": "פרוטוקול.\nהישיבה התקיימה בחיפה והתקציב אושר פה אחד לשלוש שנים.\n",
    "arabic": "محضر الاجتماع.\nعقد الاجتماع في طنجة وتمت الموافقة على الميزانية لمدة ثلاث سنوات.\n",
    "thai": "รายงานการประชุม\nการประชุมจัดขึ้นที่เชียงใหม่ และงบประมาณได้รับการอนุมัติเป็นเวลาสามปี\n",
    "french": "Procès-verbal.\n"
    "La réunion a eu lieu à Nîmes, où le budget a été adopté pour trois années.\n",
    "german": "Protokoll.\n"
    "Die Sitzung fand in Köln statt, der Haushalt für drei Jahre wurde geprüft.\n",
    "spanish": "Acta de la reunión.\n"
    "Se celebró en Málaga, y el presupuesto se aprobó por tres años.\n",
    "icelandic": "Fundargerð.\n"
    "Fundurinn var haldinn á Akureyri og áætlunin samþykkt til þriggja ára.\n",
    "chinese": "会议记录\n会议在成都举行，预算定为五百万元。下次会议将于九月在西安召开。\n",
    "taiwanese": "會議記錄\n會議在臺中舉行，預算定為五百萬元。下次會議將於九月在高雄召開。\n",
    "japanese": "議事録\n会議は名古屋で開かれた。予算は五百万円に決まり、次回は九月に開く。\n",
    "korean": "회의록\n"
    "회의는 대전에서 열렸으며 예산은 오백만 원으로 정해졌다. 다음 회의는 구월이다.\n",
}
WRITTEN = [
    *(("russian", each) for each in ("cp1251", "koi8_r", "iso8859_5", "mac_cyrillic", "cp866")),
    *(("ukrainian", each) for each in ("cp1251", "koi8_u")),
    ("bulgarian", "cp1251"),
    *(("greek", each) for each in ("cp1253", "iso8859_7")),
    *(("turkish", each) for each in ("cp1254", "iso8859_9")),
    *(("polish", each) for each in ("cp1250", "iso8859_2")),
    *(("czech", each) for each in ("cp1250", "iso8859_2")),
    *(("hungarian", each) for each in ("cp1250", "iso8859_2")),
    *(("lithuanian", each) for each in ("cp1257", "iso8859_13")),
    ("latvian", "cp1257"),
    *(("hebrew", each) for each in ("cp1255", "iso8859_8")),
    *(("arabic", each) for each in ("cp1256", "iso8859_6")),
    ("thai", "cp874"),
    *(("french", each) for each in ("cp1252", "mac_roman", "cp850")),
    *(("german", each) for each in ("cp1252", "iso8859_15")),
    ("spanish", "cp1252"),
    ("icelandic", "cp1252"),
    *(("chinese", each) for each in ("gbk", "gb18030", "utf-16-le", "utf-16-be")),
    *(("taiwanese", each) for each in ("big5", "utf-16-le")),
    *(("japanese", each) for each in ("cp932", "euc_jp", "iso2022_jp", "utf-16-le")),
    *(("korean", each) for each in ("euc_kr", "cp949", "utf-16-le")),
]


@pytest.mark.parametrize(("language", "encoding"), WRITTEN)
@pytest.mark.parametrize("times", [1, 400])
def test_an_older_encoding_is_known_by_its_letters(
    language: str, encoding: str, times: int
) -> None:
    text = TEXTS[language] * times
    document = read(text.encode(encoding), "minutes.txt")
    assert document.text == text
    if not wide_by_zeros(text, encoding):
        assert "was read as" in document.warnings[0]


def wide_by_zeros(text: str, encoding: str) -> bool:
    return encoding.startswith("utf-16") and text.count(" ") > len(text) // 20


@pytest.mark.parametrize(("language", "encoding"), [("russian", "koi8_r"), ("japanese", "cp932")])
def test_a_page_without_a_charset_is_known_by_its_letters_too(language: str, encoding: str) -> None:
    page = f"<!doctype html><title>x</title><p>{TEXTS[language]}</p>"
    document = read(page.encode(encoding), "page.html")
    assert TEXTS[language].split("\n")[1] in document.text


def test_letters_far_into_a_text_of_ascii_are_found() -> None:
    text = "plain words all along the line\n" * 40_000 + TEXTS["russian"] * 20
    assert read(text.encode("cp1251"), "log.txt").text == text


def test_a_text_whose_letters_are_of_no_language_is_refused_rather_than_noise() -> None:
    chance = random.Random(7)
    noise = bytes(chance.choice(range(0xA0, 0x100)) for _ in range(600))
    error = refusal(noise, "notes.txt")
    assert "in an encoding that is not recognised" in error.message
    assert "--encoding" in error.hint


def test_a_few_strange_bytes_in_a_text_of_ascii_do_not_refuse_it() -> None:
    assert read(b"plain words " * 100 + b"\xb1\xdb", "notes.txt").text.startswith("plain words")


def test_a_named_encoding_is_taken_for_what_would_be_guessed_otherwise() -> None:
    raw = "naïve".encode("cp1252")
    document = reading.read_bytes(raw, name="a.txt", path="/a.txt", encoding="cp1251")
    assert document.text == raw.decode("cp1251")
    assert document.warnings == ()


def test_a_named_encoding_reads_what_would_not_be_taken_for_text() -> None:
    raw = "Grüße an alle, die hier sind".encode("cp1140")
    assert "convert it to PDF" in refusal(raw, "a.txt").hint
    document = reading.read_bytes(raw, name="a.txt", path="/a.txt", encoding="cp1140")
    assert document.text == "Grüße an alle, die hier sind"


def test_unicode_stays_unicode_whatever_encoding_is_named() -> None:
    raw = "Grüße".encode()
    document = reading.read_bytes(raw, name="a.txt", path="/a.txt", encoding="cp1251")
    assert document.text == "Grüße"
    assert document.warnings == ("the text is Unicode, and read as that",)


def test_a_named_encoding_that_does_not_fit_is_refused() -> None:
    with pytest.raises(DocumentError, match=r"a.txt is not in utf-8") as caught:
        raw = b"plain words " * 20 + "café".encode("cp1252")
        reading.read_bytes(raw, name="a.txt", path="/a.txt", encoding="utf-8")
    assert "leave out --encoding" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("Windows-1251", "cp1251"),
        ("Shift-JIS", "cp932"),
        ("gb2312", "gb18030"),
        ("latin1", "cp1252"),
        ("Mac OS Roman", "mac-roman"),
        ("UTF-16LE", "utf-16-le"),
        ("EUC-KR", "cp949"),
    ],
)
def test_encodings_are_known_by_the_names_that_people_use(name: str, means: str) -> None:
    assert encoding_named(name) == means


@pytest.mark.parametrize("name", ["hex", "rot13", "idna", "unicode_escape", "", "x" * 1000, "a\0b"])
def test_what_is_no_encoding_of_texts_is_not_known(name: str) -> None:
    assert known_encoding(name) is None


def test_an_unknown_encoding_is_refused_with_one_like_it() -> None:
    with pytest.raises(DocumentError, match="there is no encoding 'shiftjs'") as caught:
        encoding_named("shiftjs")
    assert "did you mean" in caught.value.hint
