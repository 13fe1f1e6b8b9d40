use super::*;

fn check(value: &str, expected: &str) {
    let got = parse_mimeheader(value.as_bytes(), false);
    assert_eq!(String::from_utf8_lossy(&got), expected, "{value}");
}

#[test]
fn encoded_words_are_decoded() {
    check("plain", "plain");
    check("=?utf-8?Q?a=C3=A9_b?= x", "aé b x");
    check("=?utf-8?B?w6k=?=\r\n =?utf-8?B?w6k=?=", "éé");
    check("=?utf-8?Q?=C3?= =?utf-8?Q?=A9?=", "é");
    check("=?no-such?Q?abc?= x", "\u{fffd} x");
    check("=?utf-8?Q?a?b?=", "=?utf-8?Q?a?b?=");
    check("x =?iso-8859-1*en?q?=E9?=", "x é");
    check("a\r\n b", "a b");
}

#[test]
fn charsets_are_known_by_many_names() {
    for name in [
        "utf8",
        "UTF-8",
        "iso-8859-1",
        "Latin1",
        "KOI8-R",
        "windows-1251",
        "CP437",
        "gb2312",
        "ISO-2022-KR",
        "hz-gb-2312",
        "x-unknown",
        "IBM037",
    ] {
        assert!(Charset::lookup(name.as_bytes()).is_some(), "{name}");
    }
    for name in ["", "no-such", "utf-99", &"x".repeat(100)] {
        assert!(Charset::lookup(name.as_bytes()).is_none(), "{name}");
    }
}

#[test]
fn charsets_without_encoding_rs_are_decoded() {
    let check = |name: &str, bytes: &[u8], expected: &str| {
        let text =
            Charset::lookup(name.as_bytes()).map(|c| String::from_utf8_lossy(&c.decode(bytes)).into_owned());
        assert_eq!(text.as_deref(), Some(expected), "{name}");
    };
    check("utf-7", b"Hi Mom +Jjo-!", "Hi Mom \u{263a}!");
    check("cp437", b"\x81\x84", "üä");
    check("ibm037", b"\xc1\xc2", "AB");
    check("iso-2022-kr", b"\x1b$)C\x0e0!\x0f x", "가 x");
    check("hz-gb-2312", b"~{<:Ky2;Q~} a", "己所不\u{fffd} a");
    check("utf-16", b"\xff\xfea\0", "a");
    check("iso-8859-1", b"\x80\xe9", "€é");
    check("windows-1252", b"\x93", "“");
}

#[test]
fn transfer_encodings_are_undone_leniently() {
    let check = |encoding, text: &[u8], expected: &[u8]| {
        let got = decode_transfer(text, encoding).unwrap_or_default();
        assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(expected));
    };
    let qp = TransferEncoding::QuotedPrintable;
    check(qp, b"a=3Db=\r\nc  \r\nd=XX=4", b"a=bc\r\nd=XX=4");
    check(qp, b"a=\n", b"a");
    let b64 = TransferEncoding::Base64;
    check(b64, b"aGVs\r\nbG8=", b"hello");
    check(b64, b"aG!!Vs bG8=aGk=", b"hellohi");
    check(b64, b"aGVsbG", b"hell");
    assert!(decode_transfer(b"x", TransferEncoding::Unknown).is_none());
}

#[test]
fn decoding_in_pieces_gives_the_same_octets() {
    let line = "QUJD=QUI\r\n=41=\r\nx \t\r\n\r\r=4\r1 =C3=A4\n";
    for text in [line.repeat(9000), "a".repeat(300_000), "a\r".repeat(150_000), "=".repeat(999)] {
        for encoding in [TransferEncoding::None, TransferEncoding::QuotedPrintable, TransferEncoding::Base64]
        {
            let mut joined = Vec::new();
            let mut longest = 0;
            assert!(decode_pieces(text.as_bytes(), encoding, &mut |piece| {
                joined.extend_from_slice(piece);
                longest = longest.max(piece.len());
            }));
            let whole = decode_transfer(text.as_bytes(), encoding).unwrap_or_default();
            assert!(joined == *whole, "{encoding:?}");
            assert!(encoding == TransferEncoding::None || longest <= 70_000, "{longest}");
        }
    }
    assert!(!decode_pieces(b"x", TransferEncoding::Unknown, &mut |_| {}));
}

#[test]
fn search_form_levels_case_marks_and_blanks() {
    let flags = SearchFlags { skip_diacritics: true, ..SearchFlags::default() };
    let check = |text: &str, expected: &str| {
        assert_eq!(String::from_utf8_lossy(&fold_utf8(text.as_bytes(), flags)), expected);
    };
    check("Hello \t World", "HELLO WORLD");
    check("éÉ", "EE");
    check("ﬁ …", "fi ...");
    check("a\u{a0}b", "A B");
}

#[test]
fn markup_is_stripped() {
    let html = b"<p>a&amp;b<script>x</script> <b>c</b>d<!-- no -->&#233;&eacute;<br/>e</p>";
    assert_eq!(String::from_utf8_lossy(&html::strip(html)), " a&b cdéé e ");
}
