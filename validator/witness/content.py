"""How the content of a file differs: as lines, and as what they mean. Without secrets."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from validator.record import Content, PackageChange, Patch
from validator.redact import MARK, Redactor, is_secret_name, literals_in, values_in
from validator.witness import lines, trees

LARGEST = 1024 * 1024  # bytes of a file that is looked into
_SNIFFED = 8 * 1024  # bytes in which a NUL byte tells a binary file, as git and grep do
_LONGEST = 20_000  # lines of a file that are compared
_DEAREST = 30_000_000  # steps of difflib, some 50 ns each
_SHOWN = 200  # lines of a diff
_WIDEST = 1_000  # characters of a line of a diff
_LARGEST_PATCH = (
    64 * 1024
)  # characters of a text's lines in a patch; of a tree, which is what is compared, all are kept
_ENDLESS = 4_000  # characters of a line or value that is not searched for secrets, and so not shown

_SHADOW = re.compile(r"(?:.*/)?(?:g?shadow|opasswd)(?:[-~.].*)?")
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
    r"(?:.*?-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|.*)",
    re.DOTALL,
)
# crypt(5), and what htpasswd writes.
_HASH = re.compile(r"\$(?:1|2[abxy]?|5|6|7|y|gy|md5|sha1|apr1|argon2\w*|scrypt|pbkdf2[\w-]*)\$[^\s:,'\"]{8,}")
# Several hosts in one URL (`rabbit://a:x@one,b:y@two/`), and passwords that hold a slash or an at sign.
_USER = re.compile(r"(?P<before>(?:://|,)[^\s/:@,'\"]*:)[^\s,'\"]+(?P<after>@)")
# `SetEnv DB_PASSWORD x`, `AuthLDAPBindPassword x`, `{default_pass, <<"x">>}`: a compound name and no sign after it.
_DIRECTIVE = re.compile(
    r"(?P<before>\b(?:\w*[a-z](?:Password|Passwd|Passphrase|Secret|Token)"
    r"|(?i:\w+[_-](?:pass|passwd|password|passphrase|pwd|secret|token)))[ \t,]+)(?P<value>[^\s=:,].*)"
)
# What a shell-like value without quotes goes on with after a sign that usually ends it.
_REST = re.compile(re.escape(MARK) + r"[\"',;}]\w\S*")
# A line that is an assignment, perhaps commented out: all that follows is the value, or a remark on it.
_ASSIGNED = re.compile(rf"^(?P<before>[\s#;/]*(?:export[ \t]+)?[$\w.-]+[ \t]*[=:][ \t]*{re.escape(MARK)}).+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_FIELD = re.compile(r"^(Package|Status|Version|Architecture):[ \t]*(.*)$", re.MULTILINE)
# A package that waits for a trigger is installed, and its files are in use.
_INSTALLED = (" installed", " triggers-awaited", " triggers-pending")


@dataclass(frozen=True, kw_only=True)
class _Side:
    """A file's text at one moment and what it holds. A file that is not there has an empty text and no tree."""

    text: str
    missing: bool
    parsed: tuple[trees.Form, JsonValue] | None
    secrets: frozenset[str]

    @property
    def shown(self) -> list[str]:
        """The lines as diff(1) has them: the last tells when its line end is missing."""
        *shown, last = self.text.split("\n")
        return [*shown, f"{last}\n\\ No newline at end of file"] if last else shown

    @property
    def line_tree(self) -> list[str]:
        """The lines as a tree."""
        return lines.tree(None if self.missing else self.text)

    @property
    def tree(self) -> JsonValue:
        """What the text means, where it has a structure."""
        return self.parsed[1] if self.parsed else {}

    def says_nothing(self, form: trees.Form) -> bool:
        """Whether a file of this form could as well not be there."""
        return self.missing or (form == "ini" and trees.is_blank(self.text))


def compare(
    before: bytes | None, after: bytes | None, *, path: str, redactor: Redactor, both_ways: bool = False
) -> Content:
    """How two contents of the file at `path` differ; `None` where there is no file.

    Teaches the redactor the secrets of both. Of several files that may hold one secret under different names, `teach`
    them all first. `both_ways` asks for the patch that leads back as well.
    """
    if not (_is_text(before) and _is_text(after)):
        return Content(form="binary")
    old, new = _side(before, path), _side(after, path)
    redactor.learn(old.secrets | new.secrets)
    form = _common_form(old, new)
    diff, clean = "", None
    if _takes_long(old.shown, new.shown):
        diff = f"too long to show: {len(old.shown)} and {len(new.shown)} lines"
    else:
        try:
            clean = _cleaner((old, new), path, form, redactor)
            diff = _diff(old, new, path=path, clean=clean)
        except ValueError:
            diff = "not shown: it holds secrets, and where they stand in the text cannot be told"

    def patch(start: _Side, end: _Side) -> Patch | None:
        if form is None:
            return None if clean is None else _line_patch(start, end, clean)
        return tuple(_clean_operation(each, form, redactor) for each in trees.patch(start.tree, end.tree))

    return Content(form=form or "text", diff=diff, patch=patch(old, new), back=patch(new, old) if both_ways else None)


def teach(content: bytes | None, *, path: str, redactor: Redactor) -> None:
    """Make the secrets that a file holds known, so that no other file or message shows them."""
    if content is not None and _is_text(content):
        redactor.learn(_side(content, path).secrets)


def packages(before: bytes | None, after: bytes | None) -> tuple[PackageChange, ...]:
    """The packages whose installed version differs between two states of dpkg's `status` file.

    A package carries its architecture in its name only if it is installed for several.
    """
    old, new = _installed(before), _installed(after)
    changes = []
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name, {}), new.get(name, {})
        if max(len(was), len(now)) == 1:
            pairs = {name: ("".join(was.values()), "".join(now.values()))}
        else:
            architectures = sorted(was.keys() | now.keys())
            pairs = {f"{name}:{each}": (was.get(each, ""), now.get(each, "")) for each in architectures}
        changes += [PackageChange(name=shown, before=a, after=b) for shown, (a, b) in pairs.items() if a != b]
    return tuple(changes)


def _installed(status: bytes | None) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for stanza in (status or b"").decode(errors="replace").split("\n\n"):
        fields: dict[str, str] = {name: value.strip() for name, value in _FIELD.findall(stanza)}
        if fields.get("Status", "").endswith(_INSTALLED):
            found.setdefault(fields.get("Package", ""), {})[fields.get("Architecture", "")] = fields.get("Version", "")
    return found


def _is_text(content: bytes | None) -> bool:
    if content is None:
        return True
    if len(content) > LARGEST or b"\0" in content[:_SNIFFED]:
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _side(content: bytes | None, path: str) -> _Side:
    text = (content or b"").decode()
    parsed = None if content is None or _is_shadow(path) else trees.parse(text, path)
    return _Side(text=text, missing=content is None, parsed=parsed, secrets=frozenset(_secrets(text, path, parsed)))


def _secrets(text: str, path: str, parsed: tuple[trees.Form, JsonValue] | None) -> set[str]:
    if _is_shadow(path):
        return {field for line in text.split("\n") for field in line.split(":")[1:2]}
    if parsed is None:
        searched = "\n".join(line for line in text.split("\n") if len(line) <= _ENDLESS)
        return literals_in(searched) | values_in(searched)
    form, tree = parsed
    # A section of an ini file is a theme, not a name: `provider = fernet` below `[token]` is no secret.
    parts = tree.values() if form == "ini" and isinstance(tree, dict) else (tree,)
    return {value for part in parts for value in values_in(part)}


def _is_shadow(path: str) -> bool:
    return _SHADOW.fullmatch(path) is not None


def _common_form(old: _Side, new: _Side) -> trees.Form | None:
    form = next((side.parsed[0] for side in (old, new) if side.parsed), None)
    if form is None or all(side.says_nothing(form) or (side.parsed and side.parsed[0] == form) for side in (old, new)):
        return form
    return None


def _clean_operation(operation: dict[str, JsonValue], form: trees.Form, redactor: Redactor) -> dict[str, JsonValue]:
    if "value" not in operation:
        return operation
    names = trees.names(str(operation["path"]))[1 if form == "ini" else 0 :]
    secret = any(is_secret_name(name) for name in names)
    value = redactor.tree(_each_text(operation["value"], _bounded), secret=secret)
    return {**operation, "value": _each_text(value, _scrub)}


def _line_patch(old: _Side, new: _Side, clean: Callable[[str], str]) -> Patch | None:
    found = lines.patch(old.line_tree, new.line_tree)
    if sum(map(len, _each_value(found))) > _LARGEST_PATCH:
        return None
    return tuple(
        {name: _each_text(each[name], clean) if name == "value" else each[name] for name in each} for each in found
    )


def _each_value(operations: Patch) -> Iterator[str]:
    for each in operations:
        value = each.get("value")
        yield from (str(line) for line in (value if isinstance(value, list) else [value]) if line is not None)


def _cleaner(
    sides: tuple[_Side, _Side], path: str, form: trees.Form | None, redactor: Redactor
) -> Callable[[str], str]:
    """What makes a line one that can be shown. Raises `ValueError` when secrets in it could not be found."""
    masks = _masks(sides, path, redactor)

    def clean(line: str) -> str:
        if _is_shadow(path):
            name, colon, _ = line.partition(":")
            return f"{name}:{MARK}" if colon else MARK if line else ""
        if len(line) > _ENDLESS:
            return f"... a line of {len(line)} characters"
        shown = redactor.text(masks.get(line, line))
        return _ASSIGNED.sub(r"\g<before>", _scrub(shown if form else _scrub_plain(shown)))

    return clean


def _diff(old: _Side, new: _Side, *, path: str, clean: Callable[[str], str]) -> str:
    # A line may hold its own remark on a missing line end.
    found = "\n".join(difflib.unified_diff(old.shown, new.shown, lineterm="")).split("\n")[2:]
    if not found:
        return ""
    room = _SHOWN - 2
    cleaned = (line[0] + clean(line[1:]) if line[:1] in {" ", "-", "+"} else line for line in found[:room])
    shown = [f"--- {path}", f"+++ {path}", *map(_fit, cleaned)]
    if len(found) > room:
        shown.append(f"... {len(found) - room} more lines")
    return "\n".join(shown)


def _takes_long(before: list[str], after: list[str]) -> bool:
    """Whether difflib would take seconds: it searches what is left again for every block of common lines."""
    longest = max(len(before), len(after))
    if longest > _LONGEST:
        return True
    common = (Counter(before) & Counter(after)).total()
    changed = len(before) + len(after) - 2 * common
    return min(common, changed) * longest > _DEAREST


def _masks(sides: Iterable[_Side], path: str, redactor: Redactor) -> dict[str, str]:
    """Lines that hold secrets, and what to show for them. Raises `ValueError` when they cannot be found."""
    parts: dict[str, set[tuple[int, int]]] = {}
    for side in sides:
        spans = [match.span() for match in _PRIVATE_KEY.finditer(side.text)]
        if side.parsed is not None and side.secrets:
            spans += trees.spans(side.text, path, is_secret_name)
        for line, start, end in _by_line(side.text, spans):
            parts.setdefault(line, set()).add((start, end))
    return {line: _masked(line, sorted(places), redactor) for line, places in parts.items()}


def _by_line(text: str, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[str, int, int]]:
    for start, end in spans:
        first = text.rfind("\n", 0, start) + 1
        while first < end:
            last = text.find("\n", first)
            last = len(text) if last < 0 else last
            yield text[first:last], max(start - first, 0), min(end, last) - first
            first = last + 1


def _masked(line: str, places: list[tuple[int, int]], redactor: Redactor) -> str:
    shown, done = "", 0
    for start, end in places:
        fragment = line[max(start, done) : end]
        value = fragment.strip()
        bare = value.strip("\"'")
        if bare and redactor.tree(bare, secret=True) != bare:
            shown += line[done : max(start, done)] + fragment.replace(value, MARK)
            done = max(end, done)
    return shown + line[done:]


def _scrub(text: str) -> str:
    """Without what looks like a secret wherever it stands."""
    if "://" in text:
        text = _USER.sub(rf"\g<before>{MARK}\g<after>", text)
    if "$" in text:
        text = _HASH.sub(MARK, text)
    if "-----BEGIN" in text:
        text = _PRIVATE_KEY.sub(MARK, text)
    return text


def _scrub_plain(text: str) -> str:
    """Without what only a text that nobody parsed needs."""
    return _REST.sub(MARK, _DIRECTIVE.sub(rf"\g<before>{MARK}", text))


def _bounded(text: str) -> str:
    return text if len(text) <= _ENDLESS else f"... a text of {len(text)} characters"


def _each_text(tree: JsonValue, change: Callable[[str], str]) -> JsonValue:
    if isinstance(tree, dict):
        return {name: _each_text(value, change) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_each_text(item, change) for item in tree]
    return change(tree) if isinstance(tree, str) else tree


def _fit(line: str) -> str:
    """A line as it can be shown: no control characters, no endless ones."""
    line = _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), line)
    return line if len(line) <= _WIDEST else f"{line[:_WIDEST]}... {len(line) - _WIDEST} more characters"
