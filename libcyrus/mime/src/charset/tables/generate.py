#!/usr/bin/env python3
"""Writes single.rs, names.rs, searchform.rs and entities.rs of this folder.

    generate.py UnicodeData.txt ALIASES OUTDIR

UnicodeData.txt is the Unicode Character Database file. ALIASES lists mail's own charset aliases, a name and what it
stands for on each line. Converter names and the mappings of single-byte charsets are asked of the installed ICU
library (libicuuc), HTML character names are those of Python's html.entities.
"""
import ctypes, ctypes.util, html.entities, re, sys

unicode_data, aliases_file, out = sys.argv[1:4]

# ---- ICU ----------------------------------------------------------------------------------------------------------
lib = ctypes.util.find_library("icuuc")
icu = ctypes.CDLL(lib)
suffix = "_" + re.search(r"\.so\.(\d+)", lib).group(1)
fn = lambda name: getattr(icu, name + suffix)
fn("ucnv_getAvailableName").restype = ctypes.c_char_p
fn("ucnv_countAliases").restype = ctypes.c_uint16
fn("ucnv_getAlias").restype = ctypes.c_char_p
fn("ucnv_getAlias").argtypes = [ctypes.c_char_p, ctypes.c_uint16, ctypes.c_void_p]
fn("ucnv_open").restype = ctypes.c_void_p
fn("ucnv_getName").restype = ctypes.c_char_p
for f in ("ucnv_getType", "ucnv_close"):
    fn(f).argtypes = [ctypes.c_void_p]
fn("ucnv_getName").argtypes = [ctypes.c_void_p, ctypes.c_void_p]
fn("ucnv_toUChars").argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int32, ctypes.c_char_p, ctypes.c_int32,
                                ctypes.c_void_p]

def icu_open(name):
    err = ctypes.c_int(0)
    conv = fn("ucnv_open")(name.encode(), ctypes.byref(err))
    return conv if err.value <= 0 else None

def icu_name(name):
    conv = icu_open(name)
    if conv is None:
        return None
    err = ctypes.c_int(0)
    return fn("ucnv_getName")(conv, ctypes.byref(err)).decode()

def icu_byte(conv, byte):
    buf = (ctypes.c_uint16 * 8)()
    err = ctypes.c_int(0)
    n = fn("ucnv_toUChars")(conv, buf, 8, bytes([byte]), 1, ctypes.byref(err))
    return buf[0] if n == 1 and err.value <= 0 else 0xFFFD

converters = {}
for i in range(fn("ucnv_countAvailable")()):
    name = fn("ucnv_getAvailableName")(i)
    err = ctypes.c_int(0)
    count = fn("ucnv_countAliases")(name, ctypes.byref(err))
    converters[name.decode()] = [fn("ucnv_getAlias")(name, j, ctypes.byref(err)).decode() for j in range(count)]

RS = {
    "UTF-8": "UTF_8", "UTF-16BE": "UTF_16BE", "UTF-16LE": "UTF_16LE", "UTF16_PlatformEndian": "UTF_16LE",
    "UTF16_OppositeEndian": "UTF_16BE", "gb18030": "GB18030", "windows-936-2000": "GBK", "ibm-1386_P100-2001": "GBK",
    "ibm-1383_P110-1999": "GBK", "windows-950-2000": "BIG5", "ibm-950_P110-1999": "BIG5", "ibm-1373_P100-2002": "BIG5",
    "ibm-1375_P100-2008": "BIG5", "ibm-5471_P100-2006": "BIG5", "ibm-943_P15A-2003": "SHIFT_JIS",
    "ibm-943_P130-1999": "SHIFT_JIS", "ibm-942_P12A-1999": "SHIFT_JIS", "euc-jp-2007": "EUC_JP",
    "ibm-954_P101-2007": "EUC_JP", "ibm-33722_P12A_P12A-2009_U2": "EUC_JP", "ibm-33722_P120-1999": "EUC_JP",
    "ibm-970_P110_P110-2006_U2": "EUC_KR", "windows-949-2000": "EUC_KR", "ibm-949_P110-1999": "EUC_KR",
    "ibm-949_P11A-1999": "EUC_KR", "ibm-1363_P11B-1998": "EUC_KR", "ibm-1363_P110-1997": "EUC_KR",
    "ISO_2022,locale=ja,version=0": "ISO_2022_JP", "ISO_2022,locale=ja,version=1": "ISO_2022_JP",
    "ISO_2022,locale=ja,version=2": "ISO_2022_JP", "ISO_2022,locale=ja,version=3": "ISO_2022_JP",
    "ISO_2022,locale=ja,version=4": "ISO_2022_JP",
}
OWN = {
    "US-ASCII": "Ascii", "UTF-7": "Utf7", "IMAP-mailbox-name": "ImapUtf7", "HZ": "Hz", "CESU-8": "Cesu8",
    "ISO_2022,locale=ko,version=0": "Iso2022Kr", "ISO_2022,locale=ko,version=1": "Iso2022Kr",
    "ISO_2022,locale=zh,version=0": "Iso2022Cn", "ISO_2022,locale=zh,version=1": "Iso2022Cn",
    "ISO_2022,locale=zh,version=2": "Iso2022Cn", "UTF-16": "Utf16", "UTF-16,version=1": "Utf16",
    "UTF-16,version=2": "Utf16", "UTF-16BE,version=1": "Utf16", "UTF-16LE,version=1": "Utf16", "UTF-32": "Utf32",
    "UTF-32BE": "Utf32Be", "UTF-32LE": "Utf32Le", "UTF32_PlatformEndian": "Utf32Le", "UTF32_OppositeEndian": "Utf32Be",
}

codec, high, full = {}, {}, {}
for name in converters:
    if name in RS:
        # a byte that fits nowhere is U+001A in converters with a single-byte substitution character
        conv = icu_open(name)
        single = any(icu_byte(conv, b) == 0x1A for b in range(0x80, 0x100))
        codec[name] = f"Rs(encoding_rs::{RS[name]}, Single::{'Sub' if single else 'Replacement'})"
    elif name in OWN:
        codec[name] = OWN[name]
    else:
        conv = icu_open(name)
        kind = fn("ucnv_getType")(conv)
        if kind in (0, 3):
            table = tuple(icu_byte(conv, b) for b in range(256))
            if table[:128] == tuple(range(128)):
                codec[name] = f"High(&single::HIGH[{high.setdefault(table[128:], len(high))}])"
            else:
                codec[name] = f"Full(&single::FULL[{full.setdefault(table, len(full))}])"
        else:
            codec[name] = "Opaque"

def norm(name):
    res, digit = "", False
    for i, c in enumerate(name):
        if not (c.isascii() and c.isalnum()):
            digit = False
            continue
        if c.isdigit():
            if c == "0" and not digit and i + 1 < len(name) and name[i + 1].isdigit():
                continue
            digit = True
        else:
            digit = False
        res += c.lower()
    return res

order = sorted(codec)
names = {}
for name in order:
    for alias in converters[name]:
        resolved = icu_name(alias)
        if resolved in codec:
            names[norm(alias)] = resolved

def rows(values, width, fmt):
    line, lines = "   ", []
    for v in values:
        item = " " + fmt.format(v) + ","
        if len(line) + len(item) > width:
            lines.append(line)
            line = "   "
        line += item
    return "\n".join(lines + [line])

def header(text):
    return f"//! {text}\n//!\n//! Made by generate.py; not to be changed by hand.\n\n"

with open(f"{out}/single.rs", "w") as f:
    f.write(header("Single-byte charsets: byte to UTF-16 unit, U+FFFD where there is none."))
    for title, tables, size, doc in (("HIGH", high, 128, "Bytes 0x80 to 0xff of charsets that hold ASCII."),
                                     ("FULL", full, 256, "Charsets that do not hold ASCII.")):
        f.write(f"/// {doc}\n#[rustfmt::skip]\npub(in crate::charset) static {title}: [[u16; {size}]; {len(tables)}] = [\n")
        for table in tables:
            f.write("    [\n" + rows(table, 118, "{}") + "\n    ],\n")
        f.write("];\n\n")

own = {}
for line in open(aliases_file):
    m = re.match(r"([^#\s]\S*)\s+(\S+)", line)
    if m:
        own.setdefault(m.group(1).lower(), m.group(2))
for canonical in list(own.values()):
    own.setdefault(canonical.lower(), canonical)
resolved = {}
for alias, canonical in own.items():
    if canonical.lower() in ("us-ascii", "utf-8"):
        resolved[alias] = canonical.lower()
    else:
        resolved[alias] = icu_name(canonical)

with open(f"{out}/names.rs", "w") as f:
    f.write(header("Names of charsets."))
    f.write("use super::single;\nuse crate::charset::Codec::{self, *};\nuse crate::charset::Single;\n\n")
    f.write("/// All charsets, by number.\n#[rustfmt::skip]\npub(in crate::charset) static CODECS: &[Codec] = &[\n")
    f.write("    // us-ascii and utf-8 as mail reads them\n    Ascii,\n    Utf8,\n")
    for name in order:
        f.write(f"    {codec[name]}, // {name}\n")
    f.write("];\n\n")
    number = {name: i + 2 for i, name in enumerate(order)}
    number.update({"us-ascii": 0, "utf-8": 1})
    f.write("table! {\n/// Mail's own aliases in lower case, sorted; 65535 is a name that nothing stands behind.\n")
    f.write("ALIASES: str, ALIAS_OF: u16;\n")
    for alias in sorted(resolved):
        f.write(f'    ("{alias}", {number.get(resolved[alias], 65535)}),\n')
    f.write("}\n\ntable! {\n/// Converter names in ICU's form for comparison, sorted.\nNAMES: str, NAME_OF: u16;\n")
    for name in sorted(names):
        f.write(f'    ("{name}", {number[names[name]]}),\n')
    f.write("}\n")

# ---- search form --------------------------------------------------------------------------------------------------
chars, title, pages = {}, {}, set()
fixes = {0x09: [32], 0x0A: [32], 0x0B: [32], 0x0C: [32], 0x0D: [32], 0xDF: [0x73, 0x73], 0xE6: [0x61, 0x65],
         0xF0: [0x74, 0x68], 0xFE: [0x74, 0x68], 0x153: [0x6F, 0x65], 0x4A5: [0x41D, 0x413], 0x4B5: [0x422, 0x426],
         0x2044: [0x2F]}
titles = {0xE6: 0xC6, 0xF0: 0xD0, 0xFE: 0xDE, 0x153: 0x152, 0x4A5: 0x4A4, 0x4B5: 0x4B4}
chars.update(fixes)
title.update(titles)
pages.update(c >> 8 for c in fixes)
for line in open(unicode_data):
    field = line.strip().split(";")
    code = int(field[0], 16)
    pages.add(code >> 8)
    if code != 32 and field[2].startswith("Z"):
        chars[code] = [32]
        continue
    if field[14]:
        title[code] = int(field[14], 16)
    parts = field[5].split()
    if parts and parts[0].startswith("<"):
        parts = parts[1:]
        if len(parts) > 1 and parts[0] == "0020":
            parts = []
    if parts:
        chars.setdefault(code, [])
        chars[code] = chars[code] + [int(p, 16) for p in parts]
    chars.setdefault(code, [code])
while True:
    changed = False
    for code in sorted(chars):
        new = [n for c in chars[code] for n in chars.get(c, [c])]
        if 32 in new:
            new = [c for c in new if c != 32] or [32]
        if new != chars[code]:
            chars[code] = new
            changed = True
    if not changed:
        break
table = []
for code in sorted({p << 8 | low for p in pages for low in range(256)}):
    target = chars.get(title.get(code, code), [title.get(code, code)])
    if target != [code] and not 0xD800 <= code < 0xE000:
        table.append((code, "" if target == [0] else "".join(map(chr, target))))
if 0 not in [c for c, _ in table]:
    table.insert(0, (0, ""))
with open(f"{out}/searchform.rs", "w") as f:
    f.write(header("What a character becomes in search form, where that is not itself (UnicodeData.txt)."))
    f.write("table! {\n/// Character and replacement, sorted.\nFOLDED: u32, FOLDS: str;\n")
    line = "   "
    for code, text in table:
        item = f' (0x{code:x}, "' + "".join(f"\\u{{{ord(c):x}}}" for c in text) + '"),'
        if len(line) + len(item) > 118:
            f.write(line + "\n")
            line = "   "
        line += item
    f.write(line + "\n}\n\n")
    words = [0] * 68
    for p in pages:
        words[p >> 6] |= 1 << (p & 63)
    f.write("/// Blocks of 256 characters that the table was made over, as bits.\n#[rustfmt::skip]\n")
    f.write("pub(in crate::charset) static PAGES: [u64; 68] = [\n" + rows(words, 118, "0x{:x}") + "\n];\n")

# ---- HTML ---------------------------------------------------------------------------------------------------------
entities = {}
for name, text in html.entities.html5.items():
    name = name.rstrip(";")
    if name.isalpha():
        entities[name] = text
with open(f"{out}/entities.rs", "w") as f:
    f.write(header("Named characters of HTML that are made of letters only."))
    f.write("table! {\n/// Name and text, sorted.\nENTITIES: str, ENTITY_TEXTS: str;\n")
    line = "   "
    for name in sorted(entities):
        item = f' ("{name}", "' + "".join(f"\\u{{{ord(c):x}}}" for c in entities[name]) + '"),'
        if len(line) + len(item) > 118:
            f.write(line + "\n")
            line = "   "
        line += item
    f.write(line + "\n}\n")
