"""What a reader's query may say. chDB's `readonly` stops writes to tables; this stops the rest.

Measured on chDB 4.4 with readonly = 1: INTO OUTFILE writes files, the function file() reads them,
DESCRIBE of url() goes out to the network, sqlite() makes a file before it is refused, Python() sees
the objects of this process, and KILL, USE and SET are let through. So the text is refused here,
before the engine sees it, and whatever could be read in two ways is refused too.
"""

import re
from collections.abc import Iterator

_READS = frozenset({"select", "with", "show", "describe", "desc", "explain", "exists"})
_TABLE_FUNCTIONS = frozenset({
    "format", "generate_series", "generaterandom", "generateseries", "merge", "mergetreeindex", "null", "numbers",
    "numbers_mt", "primes", "sqlstandardvalues", "values", "view", "viewifpermitted", "zeros", "zeros_mt",
})  # fmt: skip
"""Table functions that make rows from nothing or from our own tables."""
_FUNCTIONS = frozenset(
    {"file", "catboostevaluate", "reversednsquery", "python", "generatesql", "sleep", "sleepeachrow"}
)

# The engine's lexer knows more kinds of quotes, comments and heredocs than are worth following here: what
# this pattern does not match, such as $, # or a curly quote outside a string, is refused.
_TOKEN = re.compile(
    r"""
    (?P<blank>\s+ | --[^\n\r]* | /\*(?:(?!\*/|/\*).)*\*/)
  | (?P<string>'(?:[^'\\]|\\.|'')*')
  | (?P<quoted>"(?:[^"\\]|"")*" | `(?:[^`\\]|``)*`)
  | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<number>0[xX][0-9a-fA-F]+ | [0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)
  | (?P<symbol>/(?![/*]) | [!%&()*+,\-.:;<=>?@\[\]^{|}~])
    """,
    re.VERBOSE | re.DOTALL,
)


class RefusedError(Exception):
    """A reader may not ask this; the text says why, without the query."""


def forbidden_functions(names: frozenset[str]) -> frozenset[str]:
    """Lower-case names a reader must not call, out of the engine's table functions and model-calling functions.

    The list comes from the engine, so that what a newer engine adds is refused until it is known.
    """
    return frozenset(name.lower() for name in names) - _TABLE_FUNCTIONS | _FUNCTIONS


def check_read(text: str, forbidden: frozenset[str]) -> None:
    """Raise RefusedError unless this is one statement that reads tables and nothing else."""
    tokens = list(_tokens(text))
    while tokens and tokens[-1] == ("symbol", ";"):
        tokens.pop()
    if not tokens:
        raise RefusedError("the query is empty")
    if ("symbol", ";") in tokens:
        raise RefusedError("send one statement at a time")
    first = next((value for kind, value in tokens if (kind, value) != ("symbol", "(")), "")
    if first not in _READS:
        raise RefusedError("this login only reads: begin with SELECT, WITH, SHOW, DESCRIBE, EXPLAIN or EXISTS")
    for number, (kind, value) in enumerate(tokens):
        if kind == "word" and value in ("outfile", "infile"):
            raise RefusedError("this login neither writes nor reads files")
        called = tokens[number + 1 : number + 2] == [("symbol", "(")]
        if called and kind in ("word", "quoted") and value in forbidden:
            raise RefusedError("this login may not call a function that reaches files, the network or this process")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Kind and lower-case value of each token; strings without their text, comments and blanks dropped."""
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise RefusedError("the query has a quote, comment or character that this login may not use")
        position = match.end()
        kind, value = str(match.lastgroup), match.group()
        if kind == "string":
            yield kind, ""
        elif kind == "quoted":
            yield kind, value[1:-1].lower()
        elif kind != "blank":
            yield kind, value.lower()
