"""The letters beyond ASCII that languages are written with, and how likely each is."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple


class Candidate(NamedTuple):
    """An encoding, what people call it, and the languages that were written in it.

    `doubt` is how much less likely than Windows-1252 it is before any letter is seen, as a
    logarithm.
    """

    encoding: str
    title: str
    languages: tuple[str, ...]
    doubt: float = 0.0

    @property
    def is_wide(self) -> bool:
        """Whether a letter takes more than a byte."""
        return not _ONE_BYTE_LANGUAGES.issuperset(self.languages)


# From common to rare; capitals follow from them.
_ALPHABETS = {
    "French": "éèàêçôîûùâëïœüÿæ",
    "German": "üäöß",
    "Spanish": "óíáéñúüºª",
    "Portuguese": "ãçáéóêíõâúôàüºª",
    "Italian": "àèéùòìî",
    "Dutch": "ëéïóèüöáêç",
    "Swedish": "äöåé",
    "Danish": "åøæéö",
    "Finnish": "äöåšž",
    "Icelandic": "ðáíþöéúóýæ",
    "Catalan": "àéèíóòçúïü",
    "Polish": "łóążęśćńź",
    "Czech": "íáěéřščžýůúťďňó",
    "Slovak": "áíéýčžšľťúôňďäóĺŕ",
    "Hungarian": "áéöóőüíúű",
    "Romanian": "ăîâşţ",
    "Croatian": "čžšćđ",
    "Lithuanian": "ėšųžįąčęū",
    "Latvian": "āīšēūņļģčžķ",
    "Estonian": "äõüöšž",
    "Turkish": "ıüşçğöâîû",
    "Vietnamese": "\u0301\u0300\u0323đôưê\u0309âơ\u0303ăáàéíóúùèìòãõý",
    "Russian": "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё",
    "Ukrainian": "оанівитерсклудмпязбьйгчхюєжцшїщфґ",
    "Bulgarian": "аоеитнрсвлкдпмзяъугбчщжцхйшюфь",
    "Serbian": "аоиенрсјтукдвмпзлгбчшцжњљхћђфџѓќѕ",
    "Belarusian": "аніеорысткдлуяўмпьзбгйчшхцюжёэф",
    "Greek": "αοιετσνηυρπκμλςάίγόέήδωθχύφβώξζψϊϋΐΰ",
    "Hebrew": "יוהלארתבשמנםעדחקפכגטזצסןךףץ"
    "\u05b0\u05b8\u05b7\u05bc\u05b4\u05b5\u05b6\u05b9\u05c1\u05b2\u05bb",
    "Arabic": "اليمونرتبةعدسفهكقأحجذصشطىخإئضزءغؤثظآ،؟؛\u064b\u0651\u064e\u064f\u0650\u0652",
    "Persian": "اينردمهوتبسشكزخگعپقحجفلچطصآغضئذثژظکیےٹ،؟؛\u200c\u200d",
    "Thai": "านรอกเงมยลว่ดทส้ตะิปัีบคหุแจพำชขใไูโื์ผซถ็ศธณึษภญฐฟฎฉๆฯฝฆฌฮ",
}
_ONE_BYTE_LANGUAGES = frozenset(_ALPHABETS)
# What texts have beside letters, and which of it stands inside of words.
_SIGNS = "’\u00ad\u00b7\u00a0–—“”‘„«»‚…•°§©®™€£№¿¡½¼¾±×²³¹‹›´′†"
INNER_SIGNS = frozenset("’\u00ad·´'‘\u00a0—–…")
_BOXES = "─│┌┐└┘├┤┬┴┼═║╒╓╔╕╖╗╘╙╚╛╜╝╞╟╠╡╢╣╤╥╦╧╨╩╪╫╬▀▄█░▒▓■"

_FREQUENT_HANZI = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过"
    "发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本"
    "前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很"
    "最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度"
    "门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活更别打女变四神总何电数"
    "安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科"
    "司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取"
    "拉格望觉术领共确传师观清今切院让识候带导争运"
    "這個們來為國說時會對過發後裡種經學現當沒動還進樣從開實軍無與長機關點業將兩間問應戰頭體見產話"
    "給門東聲員論處義幾認條氣題別變總電數報結務場計資許統區隊決馬書則聽達強難權類據邊張該規萬術領"
    "確傳師觀讓識帶導爭運並於著"
)
_FREQUENT_HANGUL = (
    "이다는의가에을하고지로은한사를기도어자대리나인시서아그일보정라적스만전제수부해여상과조성장원주"
    "있었으니공국모유구회안면위관장치동시할것니며들않무세게거용법결생화문단선되우까들와신교비개분"
)
_KANA = "".join(map(chr, [*range(0x3041, 0x3097), *range(0x30A1, 0x30FD)]))
_WIDE_SIGNS = "、。，．・：；？！「」『』（）《》〈〉【】〔〕…—～　“”‘’＝％／"

_CAPITAL = math.log(0.12)
_SIGN = math.log(0.006)
_BOX = math.log(0.001)

_WESTERN = (
    *("French", "German", "Spanish", "Portuguese", "Italian", "Dutch", "Swedish", "Danish"),
    *("Finnish", "Icelandic", "Catalan"),
)
_CENTRAL = ("Polish", "Czech", "Slovak", "Hungarian", "Romanian", "Croatian", "German")
_BALTIC = ("Lithuanian", "Latvian", "Estonian")
_CYRILLIC = ("Russian", "Ukrainian", "Bulgarian", "Serbian", "Belarusian")

CANDIDATES = (
    Candidate("cp1252", "Windows-1252", _WESTERN),
    Candidate("cp1251", "Windows-1251", _CYRILLIC),
    Candidate("cp1250", "Windows-1250", _CENTRAL, 2),
    Candidate("gb18030", "GB18030", ("Chinese",), 2),
    Candidate("big5hkscs", "Big5", ("Chinese",), 2),
    Candidate("cp932", "Shift-JIS", ("Japanese",), 2),
    Candidate("euc_jp", "EUC-JP", ("Japanese",), 3),
    Candidate("cp949", "EUC-KR", ("Korean",), 2),
    Candidate("cp1253", "Windows-1253", ("Greek",)),
    Candidate("cp1254", "Windows-1254", ("Turkish",), 2),
    Candidate("cp1255", "Windows-1255", ("Hebrew",)),
    Candidate("cp1256", "Windows-1256", ("Arabic", "Persian")),
    Candidate("cp1257", "Windows-1257", _BALTIC, 2),
    Candidate("cp1258", "Windows-1258", ("Vietnamese",), 2),
    Candidate("cp874", "Windows-874", ("Thai",), 4),
    Candidate("koi8_r", "KOI8-R", ("Russian", "Bulgarian"), 1),
    Candidate("koi8_u", "KOI8-U", ("Ukrainian",), 1),
    Candidate("iso8859_2", "ISO-8859-2", _CENTRAL, 3),
    Candidate("iso8859_5", "ISO-8859-5", _CYRILLIC, 3),
    Candidate("iso8859_6", "ISO-8859-6", ("Arabic",), 1),
    Candidate("iso8859_7", "ISO-8859-7", ("Greek",), 1),
    Candidate("iso8859_8", "ISO-8859-8", ("Hebrew",), 1),
    Candidate("iso8859_9", "ISO-8859-9", ("Turkish",), 3),
    Candidate("iso8859_13", "ISO-8859-13", _BALTIC, 4),
    Candidate("iso8859_15", "ISO-8859-15", _WESTERN, 3),
    Candidate("mac_roman", "Mac OS Roman", _WESTERN, 4),
    Candidate("mac_latin2", "Mac OS Central European", _CENTRAL, 6),
    Candidate("mac_cyrillic", "Mac OS Cyrillic", _CYRILLIC, 4),
    Candidate("cp850", "code page 850", _WESTERN, 5),
    Candidate("cp437", "code page 437", _WESTERN, 5),
    Candidate("cp852", "code page 852", _CENTRAL, 6),
    Candidate("cp866", "code page 866", ("Russian", "Belarusian"), 3),
)
"""The encodings of one or more bytes a character that texts are known by their letters in."""
WIDE = (
    Candidate("utf-16-le", "UTF-16", ("Chinese", "Japanese", "Korean"), 2),
    Candidate("utf-16-be", "UTF-16", ("Chinese", "Japanese", "Korean"), 3),
)
"""The same for texts that have hardly a zero half in UTF-16."""


@cache
def likelihoods(language: str) -> dict[str, float]:
    """Return the logarithm of how likely each character beyond ASCII is in texts of a language."""
    match language:
        case "Chinese":
            common = _codes("gb2312", range(0xB0, 0xD8)) | _codes("big5", range(0xA4, 0xC7))
            return _shares((common, 0.3), (common & set(_FREQUENT_HANZI), 0.4))
        case "Japanese":
            common = _codes("euc_jp", range(0xB0, 0xD0))
            frequent = common & set(_FREQUENT_HANZI)
            return _shares((common, 0.3), (frequent, 0.4), (set(_KANA), 0.6))
        case "Korean":
            return _shares((_codes("euc_kr", range(0xB0, 0xC9)), 0.1), (set(_FREQUENT_HANGUL), 0.7))
    return _of_alphabet(_ALPHABETS[language], "İ" if language == "Turkish" else "")


def _of_alphabet(letters: str, capital: str) -> dict[str, float]:
    """Return the likelihoods of letters, their capitals and one `capital` more, and signs."""
    found = dict.fromkeys(_BOXES, _BOX) | dict.fromkeys(_SIGNS, _SIGN)
    total = sum(1 / (rank + 4) for rank in range(len(letters))) * 1.15
    for rank, letter in enumerate(letters):
        likely = -math.log((rank + 4) * total)
        if len(letter.upper()) == 1:
            found[letter.upper()] = likely + _CAPITAL
        found[letter] = likely
    return found | dict.fromkeys(capital, found[letters[0]] + _CAPITAL)


def _shares(*parts: tuple[set[str], float]) -> dict[str, float]:
    """Return likelihoods by which each set has its share of a text; later sets go first."""
    found: dict[str, float] = {}
    for characters, share in (*parts, (set(_WIDE_SIGNS), 0.12)):
        found |= dict.fromkeys(characters, math.log(share / len(characters)))
    return found


def _codes(encoding: str, rows: range) -> set[str]:
    """Return the characters in some rows of a table of two bytes, those of the frequent ones."""
    codes = (bytes((row, cell)) for row in rows for cell in range(0x40, 0xFF))
    found = (code.decode(encoding, "ignore") for code in codes)
    return {char for char in found if len(char) == 1 and not char.isascii()}
