"""What the programs share that read our files with other people's readers: their packages, and a comparison of items of its own."""
import datetime
import json
import math
import pathlib
import struct
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
VENV = ROOT / "build" / "readers-venv"
VALIDATORS = ROOT / "build" / "validators-venv"  # they ask for older readers
TIMES = {"datetime", "start_datetime", "end_datetime", "created", "updated", "expires", "published", "unpublished"}
TOP = {"type", "stac_version", "stac_extensions", "id", "collection", "geometry", "bbox", "links", "assets"}


def python_with(packages, venv=VENV):
    """The Python of a virtual environment with those of `packages` that can be installed, made on first use, and the names of the others."""
    python = venv / "bin" / "python"
    if not python.exists() and subprocess.run([sys.executable, "-m", "venv", venv], capture_output=True, check=False).returncode != 0:
        return None, packages
    listed = subprocess.run([python, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, check=False).stdout.lower()
    have = {line.replace("_", "-") for line in listed.splitlines()}
    have |= {line.split("==")[0] for line in have}
    absent = []
    for name in packages:
        if name not in have and subprocess.run([python, "-m", "pip", "install", "-q", "--only-binary=:all:", name], capture_output=True,
                                               check=False).returncode != 0:
            absent.append(name)
    return python, absent


def merge_patch(target, patch):
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def instant(value):
    """Microseconds and the rest of an RFC 3339 time; anything else as it is."""
    if isinstance(value, datetime.datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=datetime.timezone.utc)
        delta = moment.astimezone(datetime.timezone.utc) - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        return ("time", (delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds, "")
    if not isinstance(value, str):
        return value
    text = value.replace(" ", "T", 1).upper()
    text = text[:-1] + "+00:00" if text.endswith("Z") else text
    fraction = ""
    if "." in text:
        head, rest = text.split(".", 1)
        digits = rest[:len(rest) - len(rest.lstrip("0123456789"))]
        fraction, text = digits, head + rest[len(digits):]
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return value
    _, microseconds, _ = instant(moment)
    fraction = fraction.rstrip("0")
    return ("time", microseconds + int(fraction[:6].ljust(6, "0") or "0"), fraction[6:])


def canonical(value, way=()):
    """A value that is equal to another's if and only if the two are equal by value."""
    if len(way) == 2 and way[0] == "properties" and way[1] in TIMES:
        return instant(value)
    if isinstance(value, dict):
        kept = {}
        for key, member in value.items():
            keep_null = way == () and key == "geometry" or way == ("properties",) and key == "datetime"
            if member is not None or keep_null:
                kept[key] = canonical(member, (*way, key))
        return kept
    if isinstance(value, (list, tuple)):
        return [canonical(member, (*way, "#")) for member in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def difference(left, right, way=""):
    """Where two canonical values differ first; empty if they do not."""
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted(left.keys() | right.keys()):
            if key not in left or key not in right:
                return f"{way}/{key}: only {'right' if key not in left else 'left'} has it"
            found = difference(left[key], right[key], f"{way}/{key}")
            if found:
                return found
        return ""
    if isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            return f"{way}: {len(left)} and {len(right)} elements"
        for number, (one, other) in enumerate(zip(left, right)):
            found = difference(one, other, f"{way}/{number}")
            if found:
                return found
        return ""
    same = type(left) is type(right) or (isinstance(left, (int, float)) and isinstance(right, (int, float))
                                         and not isinstance(left, bool) and not isinstance(right, bool))
    return "" if same and left == right else f"{way}: {left!r:.60} and {right!r:.60}"


def wkb_geometry(wkb):
    """GeoJSON of little-endian WKB, read by the OGC's document."""
    def read(at):
        kind, = struct.unpack_from("<I", wkb, at + 1)
        at += 5
        size = 3 if kind > 1000 else 2
        kind %= 1000

        def position(at):
            numbers = list(struct.unpack_from(f"<{size}d", wkb, at))
            return ([] if all(map(math.isnan, numbers)) else numbers), at + 8 * size

        def several(at, one):
            count, = struct.unpack_from("<I", wkb, at)
            at += 4
            found = []
            for _ in range(count):
                value, at = one(at)
                found.append(value)
            return found, at

        def rings(at):
            return several(at, lambda at: several(at, position))

        def part(at):
            shape, at = read(at)
            return shape["coordinates"], at

        if kind == 7:
            shapes, at = several(at, read)
            return {"type": "GeometryCollection", "geometries": shapes}, at
        names = {1: "Point", 2: "LineString", 3: "Polygon", 4: "MultiPoint", 5: "MultiLineString", 6: "MultiPolygon"}
        if kind == 1:
            coordinates, at = position(at)
        elif kind == 2:
            coordinates, at = several(at, position)
        elif kind == 3:
            coordinates, at = rings(at)
        else:
            coordinates, at = several(at, part)
        return {"type": names[kind], "coordinates": coordinates}, at

    return read(0)[0]


class Sources:
    """The items of some inputs by (collection, id); of one id the copies are kept."""

    def __init__(self, paths):
        self.items = {}
        self.count = 0
        for path in paths:
            with open(path, encoding="utf-8") as lines:
                for line in lines:
                    if line.strip():
                        self.count += 1
                        found = json.loads(line)
                        self.items.setdefault(found["id"], []).append(found)

    def kept(self, identity):
        """Of several with one id the one that a file holds: the greatest `updated`, then the last."""
        items = self.items[identity]
        return max(enumerate(items), key=lambda numbered: (instant(numbered[1]["properties"].get("updated") or "1000-01-01T00:00:00Z"), numbered[0]))[1]

    def some(self, wanted):
        """Those items that are wanted."""
        found = Sources([])
        for identity, items in self.items.items():
            kept = [item for item in items if wanted(item)]
            if kept:
                found.items[identity] = kept
                found.count += len(kept)
        return found

    def compare(self, items):
        """Items that are equal to a source of their id, and the first differences."""
        equal, differences = 0, []
        for found in items:
            others = self.items.get(found["id"])
            if not others:
                differences.append(f"{found['id']}: no such source")
                continue
            said = [difference(canonical(source), canonical(found)) for source in others]
            if "" in said:
                equal += 1
            else:
                differences.append(f"{found['id']}{said[0]}")
        return equal, differences
