"""What reports call that which a question calls otherwise: a ratio by the lines it is made of."""

from __future__ import annotations

import re
from itertools import chain

_BALANCE = "balance sheets, statements of financial position"
_INCOME = "statements of income, statements of operations, statements of earnings"
_CASH = "statements of cash flows"
_CURRENT = f"{_BALANCE}, total current assets, total current liabilities"
_INVENTORY, _COST = "inventories", "cost of sales, cost of revenues, cost of goods sold"
_RECEIVABLE, _PAYABLE = "accounts receivable", "accounts payable"
_REVENUE = "net sales, revenue, total net revenue"
_PROFIT = "net income, net earnings"
_OPERATING = "operating income, operating profit"
_PROPERTY = "property and equipment, property plant and equipment"
_SPENDING = f"capital expenditures, purchases of property, additions to property, {_CASH}"
_EQUITY = "stockholders equity, shareholders equity"
_DEBT = "long term debt, borrowings"
_SHARES = "weighted average shares, shares outstanding"

_RELATED = (
    (r"balance sheets?|financial position", _BALANCE),
    (r"income statements?|statements? of (?:income|operations|earnings)", _INCOME),
    (r"p ?& ?l|profit and loss", _INCOME),
    (r"cash flows?", f"{_CASH}, operating activities, investing activities, financing activities"),
    (r"working capital|(?:current|quick|cash|acid.test|liquidity)[ _]ratio", _CURRENT),
    (r"inventory turnover|days (?:of |sales )?inventory|dio", f"{_BALANCE}, {_INVENTORY}, {_COST}"),
    (
        r"receivables? turnover|days sales outstanding|dso",
        f"{_BALANCE}, {_INCOME}, {_RECEIVABLE}, {_REVENUE}",
    ),
    (r"payables? turnover|days payables?|dpo", f"{_BALANCE}, {_INCOME}, {_PAYABLE}, {_COST}"),
    (
        r"cash conversion cycle",
        f"{_BALANCE}, {_INCOME}, {_INVENTORY}, {_RECEIVABLE}, {_PAYABLE}, {_COST}",
    ),
    (r"assets? turnover", f"{_BALANCE}, {_INCOME}, total assets, {_PROPERTY}, {_REVENUE}"),
    (
        r"returns? on (?:\w+ )?(?:assets|equity|capital|investment)|ro(?:a|e|ce|ic)",
        f"{_BALANCE}, {_INCOME}, {_PROFIT}, {_OPERATING}, total assets, {_EQUITY}",
    ),
    (r"capital.intensive|capex|capital (?:expenditures?|spending)", _SPENDING),
    (r"pp ?& ?e|ppne|fixed assets?", f"{_BALANCE}, {_PROPERTY}"),
    (r"ebitd?a?", f"{_INCOME}, {_OPERATING}, depreciation and amortization"),
    (r"interest coverage|times interest", f"{_INCOME}, {_OPERATING}, interest expense"),
    (r"gross (?:profit|margin)s?", f"{_INCOME}, gross profit, {_COST}, {_REVENUE}"),
    (r"operating (?:profit|margin)s?", f"{_INCOME}, {_OPERATING}, {_REVENUE}"),
    (r"(?:net|profit) margins?|profitability", f"{_INCOME}, {_PROFIT}, {_REVENUE}"),
    (
        r"(?:effective )?tax rat(?:e|io)s?",
        f"{_INCOME}, income tax expense, provision for income taxes, income before income taxes",
    ),
    (r"free cash flows?", f"{_CASH}, operating activities, purchases of property"),
    (r"eps|(?:earnings|income|loss) per (?:\w+ )?share", f"{_INCOME}, per share, {_SHARES}"),
    (r"book value|net asset value", f"{_BALANCE}, {_EQUITY}, {_SHARES}"),
    (
        r"debt.to.\w+|leverage(?: ratio)?|gearing",
        f"{_BALANCE}, {_DEBT}, {_EQUITY}, total liabilities",
    ),
    (r"(?:total |average |net )debt", f"{_BALANCE}, {_DEBT}"),
    (r"pay.?out ratio|dividends?", f"{_CASH}, dividends, cash dividends, per share"),
    (
        r"repurchases?|buy.?backs?",
        "repurchases of common stock, share repurchase, stock repurchase",
    ),
    (
        r"goodwill|total (?:assets|liabilities|equity)|current (?:assets|liabilities)"
        r"|accru(?:ed|al) liabilities|accounts payable|accounts receivable"
        r"|cash (?:and|&) (?:cash )?equivalents|invested capital|retained earnings",
        _BALANCE,
    ),
    (r"net (?:income|earnings|profit|loss)|bottom line", f"{_INCOME}, {_PROFIT}"),
    (r"revenues?|top line|sales|turnover", _REVENUE),
    (r"cogs|cost of (?:goods|sales|revenues?)", f"{_INCOME}, {_COST}"),
    (r"r ?& ?d", "research and development"),
    (r"sg ?& ?a", "selling general and administrative"),
    (r"m ?& ?a|acqui(?:red|sitions?)", "acquisitions, acquired, business combinations"),
    (r"head ?count|workforce|staff", "employees, full time employees"),
)
_PATTERNS = tuple(
    (re.compile(rf"\b(?:{what})\b", re.IGNORECASE), terms) for what, terms in _RELATED
)


def related_terms(question: str) -> list[str]:
    """Return the terms, of a word or several, that stand where a question finds its answer.

    They are those of financial reports: a ratio such as working capital is seldom told, but its
    parts are, in the balance sheet.
    """
    found = (terms.split(", ") for pattern, terms in _PATTERNS if pattern.search(question))
    return list(dict.fromkeys(chain.from_iterable(found)))
