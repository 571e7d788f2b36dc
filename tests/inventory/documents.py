"""Random documents of YAML and JSON in all styles, and what Ansible's reader (PyYAML with libyaml) makes of each.

Arguments: how many, and a seed. A line of stdout is {"text": …, "value": …} or {"text": …, "error": …}. Half of the documents
are well formed, the others are damaged, or words in any order.
"""
import datetime
import json
import math
import random
import re
import sys

from ansible.parsing.utils.yaml import from_yaml
from ansible.parsing.vault import EncryptedString, VaultSecretsContext
from ansible.utils.display import Display

warned = []
Display.warning = lambda self, msg, *a, **k: warned.append(msg)
Display.deprecated = lambda self, *a, **k: None
# Keys that are one in Python, and two here.
EQUAL = [f"duplicate mapping key {key}." for key in ("1", "1.0", "True", "0", "0.0", "-0.0", "False")]

R = random.Random(int(sys.argv[2]))

BREAKS = ["\n"] * 12 + ["\r\n", "\r", "\x85", "\u2028", "\u2029"]
# Whole nodes, halves of them, and signs, in an order that nobody would write.
WORDS = """a|b c|x-y|1|0644|1.5|~|true|null|"q"|'s'|"a b"|'it''s'|'[1, 2]'|[1, 2]|{a: 1}|[]|{}|{a: [b, {c: d}]}|# c|#c|a#b|a #b|-|- x
? k|: v|:|a:|a:b|a: b|&a x|*a|&a|!t x|!!str 5|!!int "7"|!vault x|!vault 5|!vault|!unsafe "{{ x }}"|%|%YAML 1.1|%TAG ! tag:x,2000:
---|...|--- a|>|>-|>+|>1-|<<|<<: *a|<<: {z: 1}|"\\u263a"|"\\ud83d\\ude00"|"\\x41\\n"|"\\q"|"a\\|"|é|😀|\ufeff|@|`|\t|\tx|x\t| \t |!
!<tag:x> y|!<|!e!x|'|[|]|{|}|,|["a",|{"a": b,|"k": v|"k":v|[a: b]|{a}|{a:}|[a:]|{? a : b}|[? a]|x: >|x: "|{{ x }}|"{{ a|b }}"|\x07
\x7f|\xa0|&|*|&a.b|&é|.inf|-.inf|.NaN|12:30|2001-01-01|y|=|?|key: &x|- - -|- a: b|!!map|!!seq []|!a,b c|!!a%20b x|!%C3%A9 x|&a &b x
*a : x|*a: x|&a : x|? - a|"a" "b"|"a"#c|[1]#c|a\t: b|a:\tb|-\tx|?\tx|"a"\t:\tb|1e5|1.0e+400|NaN|Infinity|0x_|0b1|0o7|!!float 1"""
WORDS = WORDS.replace("\n", "|").split("|") + ["|", "|-", "|+", "|2", "|+2", "|0", "|9", "x: |", "|\t", "|#c", "| #c", "--- |"]
INDENTS = [""] * 6 + [" ", "  ", "  ", "  ", "    ", "   ", "\t", " \t", "  \t"]


def broken(indent):
    """The end of a line, and what the next one may begin with."""
    ends = [" " * indent, " " * max(0, indent - 1), " " * (indent + 1), "", "\t", " " * indent + "\t", " " * (indent + 3)]
    return R.choice(BREAKS) + R.choice(ends)


def blanks(indent):
    """What may be between two words of a quoted text."""
    gap = broken(indent)
    return R.choice(["", " ", "  ", "\t", gap, gap + broken(indent), " " + gap]) if R.random() < 0.5 else R.choice(["", " "])


def word():
    return R.choice(["a", "b", "c1", "x y", "é", "😀", "#", "a#", "-b", ":c", "d:", "1", '"', "'", "\\", "\t", "{{ z }}",
                     "[", "]", "{", "}", ",", "%", "&", "*", "!", "|", ">", "@"])


def quoted(indent, quote):
    text = quote
    for _ in range(R.randint(0, 4)):
        if quote == "'":
            text += word().replace("'", "''")
        elif R.random() < 0.7:
            text += word().replace("\\", "\\\\").replace('"', '\\"')
        else:
            text += R.choice(["\\n", "\\t", "\\u00e9", "\\x41", "\\U0001F600", "\\ud83d\\ude80", "\\/", "\\_", "\\N", "\\L",
                              "\\P", "\\e", "\\0", "\\ ", '\\"', "\\\n  "])
        text += blanks(indent)
    return text + quote


def block(indent):
    """A block text with any indicators, whose lines keep to its indentation mostly."""
    digit, sign = R.choice(["", "", "", "1", "2", "4", "9"]), R.choice(["", "-", "+"])
    text = R.choice("|>") + R.choice([digit + sign, sign + digit])
    text += R.choice(["", "", " ", " # c", "\t", "#x", " x"]) if R.random() < 0.2 else ""
    text += R.choice(BREAKS)
    deep = int(digit) + indent - 2 if digit else indent
    for _ in range(R.randint(0, 4)):
        if R.random() < 0.25:
            text += R.choice(["", " " * deep, " " * (deep + 2), "\t", " "]) + R.choice(BREAKS)
        else:
            text += " " * (deep + R.choice([0, 0, 0, 0, 1, 2, -1])) + R.choice(["", "", "", "\t"])
            text += word() + R.choice([" ", "", "\t"]) + word() + R.choice(BREAKS)
    return text.rstrip("\n") if R.random() < 0.5 else text


def scalar(indent, flow):
    kind = R.randint(0, 9)
    if kind < 3:
        words = ["a", "b", "c1", "x", "12", "true", "~", ".5", "é", "-1", "a:b", "a#b", ".inf", "0644"]
        return " ".join(R.choice(words) for _ in range(R.randint(1, 3))) + (broken(indent) + "more" if R.random() < 0.2 else "")
    if kind < 7:
        return quoted(indent, R.choice("\"'"))
    if kind < 9 and not flow:
        return block(indent)
    return R.choice(["", "*a", "null", "!!str 1", "!vault x", "&a y", "! z", '!unsafe "x"', '!!int "3"', '&b "q"', '! "1"'])


def flow(indent, depth):
    def space():
        gap = R.choice(BREAKS)
        choices = ["", " ", "\t", gap + " " * R.choice([0, indent, indent + 2]), gap + "\t", " # c\n" + " " * indent]
        return R.choice(choices) if R.random() < 0.6 else ""

    def item():
        return flow(indent, depth - 1) if depth > 0 and R.random() < 0.3 else scalar(indent, True)

    def pair(chance, signs):
        return R.choice(signs) + item() if R.random() < chance else ""

    is_list, count = R.random() < 0.5, R.randint(0, 3)
    signs = [": ", ":", " : ", ":\t"] if is_list else [": ", ": ", ":", " : ", ":" + space(), ""]
    items = [item() + space() + pair(0.15 if is_list else 0.9, signs) for _ in range(count)]
    inner = space() + ("," + space()).join(items) + R.choice(["", "," + space() if count else ""]) + space()
    return f"[{inner}]" if is_list else f"{{{inner}}}"


def node(indent, depth):
    name = R.choice([""] * 12 + ["&a ", "&b ", "!!map ", "!x ", "!unsafe ", "!!str "])
    kind = R.random()
    if depth == 0 or kind < 0.35:
        return " " + name + scalar(indent + 2, False)
    if kind < 0.5:
        return " " + name + flow(indent + R.choice([0, 2]), 2)
    text = " " + name.strip() if name else ""
    text += R.choice([" # c", "\t", "#c", ""]) if R.random() < 0.1 else ""
    text += R.choice(BREAKS)
    deep = indent + (R.choice([2, 2, 2, 1, 4, 0]) if kind < 0.75 else R.choice([0, 2, 2, 2]))
    for at in range(R.randint(1, 3)):
        if kind < 0.75:
            odd = [f'"q{at}"', f"'s{at}'", f"? k{at}\n" + " " * deep, f"&c k{at}", "*a ", "<<", "[a]", "{a: b}", "", "a b", "1", "true"]
            text += " " * deep + (R.choice(odd) if R.random() < 0.3 else f"k{at}") + ":" + node(deep, depth - 1)
        else:
            text += " " * deep + "-" + (node(deep, depth - 1) if R.random() < 0.8 else " k:" + node(deep + 2, depth - 1))
        text += R.choice(BREAKS)
        if R.random() < 0.05:
            text += R.choice(["", " " * deep, "# c", " " * deep + "# c", "\t", "  \t# x"]) + R.choice(BREAKS)
    return text[:-1]


def formed():
    begin = R.choice([""] * 8 + ["---", "--- ", "%YAML 1.1\n---", "\ufeff", "\ufeff---", "# c\n---\n", "%TAG !x! tag:x:\n---", "%FOO x\n---"])
    body = node(-2 if R.random() < 0.5 else 0, 3)
    end = R.choice(["", "\n", "\n", "\n...\n", "\n---\n", "\n--- x", "\n...", "\n# c", "\n\n\n", "\n \n", "\n\t"])
    return begin + (body.lstrip(" ") if R.random() < 0.8 else body) + end


def damaged(text):
    for _ in range(R.randint(1, 3)):
        at = R.randrange(len(text) + 1)
        until = min(len(text), at + R.randint(0, 4))
        put = ["", "", R.choice(WORDS), R.choice("\n\t :-#\"'[]{},|>&*!\\\r\x85\u2028\ufeff"), text[at:until] * 2]
        text = text[:at] + R.choice(put) + text[until:]
    return text


def words():
    def line():
        begin = R.choice(INDENTS) + R.choice(["", "", "", "- ", "- ", "? ", "k: ", "k: ", "k2: ", '"q": ', "'k': ", "k:\t", "-\t"])
        return begin + " ".join(R.choice(WORDS) for _ in range(R.choice([0, 1, 1, 1, 1, 2, 2, 3]))) + R.choice(["", "", "", " ", "\t", " # c"])

    return "".join(line() + R.choice(BREAKS) for _ in range(R.randint(1, 4))) + R.choice(["", line()])


def like_json():
    def value(depth):
        kind = R.randint(0, 9)
        if depth and kind < 3:
            return [value(depth - 1) for _ in range(R.randint(0, 3))]
        if depth and kind < 6:
            return {R.choice(["a", "b", "<<", "é", "😀", "", "k" * 1100]): value(depth - 1) for _ in range(R.randint(0, 3))}
        return R.choice([None, True, 1, -0.0, 1e300, 1e-7, 10**30, math.inf, -math.inf, math.nan, "x", "😀\u2028", "\t\n\x07\x7f", "1", "{{ a }}"])

    text = json.dumps(value(3), ensure_ascii=R.random() < 0.5, indent=R.choice([None, 1, "\t"]))
    return text if R.random() < 0.7 else damaged(text)


def document():
    kind = R.random()
    if kind < 0.5:
        return formed()
    return damaged(formed()) if kind < 0.7 else words() if kind < 0.88 else like_json()


def plain(value, depth=0):
    """A value as the inventory holds it: keys are texts, infinities YAML's words, dates as Ansible's JSON has them."""
    if depth > 90:
        raise ValueError("too deep, or its own part")
    if isinstance(value, EncryptedString):
        return str(value._ciphertext)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        value = float(value)
        if math.isfinite(value):
            return value
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    if isinstance(value, list):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, dict):
        members = {}
        for key, item in value.items():
            key = key if isinstance(key, float) else plain(key, depth + 1)
            key = key if isinstance(key, str) else json.dumps(key)
            if key in members:
                raise KeyError("two keys are one as texts")
            members[key] = plain(item, depth + 1)
        return members
    raise ValueError(f"not read on purpose: {type(value)}")


# A tag on what is merged is refused on purpose; PyYAML does not look at it.
TAGGED_MERGE = re.compile(r"<<\s*:\s*(&\S+\s+)?!")


def main():
    VaultSecretsContext.initialize(VaultSecretsContext([]))
    left = int(sys.argv[1])
    while left:
        text = document()
        result = {"text": text}
        warned.clear()
        try:
            text.encode()
            result["value"] = plain(from_yaml(text))
        except (KeyError, UnicodeEncodeError):
            continue
        except Exception as error:
            result["error"] = f"{type(error).__name__}: {error}"[:200]
        if any(key in said for said in warned for key in EQUAL) or TAGGED_MERGE.search(text):
            continue
        try:
            line = json.dumps(result)
            json.dumps(result, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            continue
        print(line)
        left -= 1


main()
