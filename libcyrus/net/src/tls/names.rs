//! The common names in a certificate (RFC 5280 4.1): just enough DER to find them.

/// CN of issuer and of subject. `None` when the certificate does not parse.
pub(super) fn common_names(certificate: &[u8]) -> Option<(Option<String>, Option<String>)> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (mut tbs, _) = element(certificate, SEQUENCE)?;
    if tbs.first() == Some(&0xa0) {
        tbs = skip(tbs)?; // version
    }
    tbs = skip(tbs)?; // serialNumber
    tbs = skip(tbs)?; // signature
    let (issuer, tbs) = element(tbs, SEQUENCE)?;
    let tbs = skip(tbs)?; // validity
    let (subject, _) = element(tbs, SEQUENCE)?;
    Some((common_name(issuer), common_name(subject)))
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;
const CN: [u8; 3] = [0x55, 0x04, 0x03];

/// The first CN of a Name. Empty ones, ones with NUL and ones that are not text count as none:
/// no such string may become a user.
fn common_name(mut name: &[u8]) -> Option<String> {
    while !name.is_empty() {
        let (mut set, rest) = element(name, SET)?;
        while !set.is_empty() {
            let (attribute, more) = element(set, SEQUENCE)?;
            let (oid, value) = element(attribute, OID)?;
            if oid == CN {
                return text(value);
            }
            set = more;
        }
        name = rest;
    }
    None
}

fn text(value: &[u8]) -> Option<String> {
    let (tag, bytes, _) = any(value)?;
    let text = match tag {
        // UTF8String, PrintableString, TeletexString, IA5String
        0x0c | 0x13 | 0x14 | 0x16 => String::from_utf8(bytes.to_vec()).ok()?,
        // BMPString
        0x1e => {
            let units = bytes.chunks_exact(2).map(|c| match c {
                [high, low] => u16::from_be_bytes([*high, *low]),
                _ => 0,
            });
            char::decode_utf16(units).collect::<Result<_, _>>().ok()?
        }
        _ => return None,
    };
    (!text.is_empty() && !text.contains('\0')).then_some(text)
}

fn skip(bytes: &[u8]) -> Option<&[u8]> {
    any(bytes).map(|(_, _, rest)| rest)
}

fn element(bytes: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = any(bytes)?;
    (tag == wanted).then_some((content, rest))
}

/// Tag, content and what follows one element of definite length.
fn any(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let mut len = usize::from(*first);
    if len >= 0x80 {
        let count = len & 0x7f;
        if !(1..=4).contains(&count) {
            return None;
        }
        let octets = rest.get(..count)?;
        rest = rest.get(count..)?;
        len = octets.iter().fold(0, |n, o| n << 8 | usize::from(*o));
    }
    Some((*tag, rest.get(..len)?, rest.get(len..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        let mut out = vec![tag, 0x82];
        out.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
        out.extend_from_slice(&body);
        out
    }

    fn name(cn: &[u8]) -> Vec<u8> {
        let organisation = tlv(0x30, &[&tlv(0x06, &[&[0x55, 4, 10]]), &tlv(0x0c, &[b"Example"])]);
        let common = tlv(0x30, &[&tlv(0x06, &[&CN]), &tlv(0x13, &[cn])]);
        tlv(0x30, &[&tlv(0x31, &[&organisation]), &tlv(0x31, &[&common])])
    }

    fn certificate(issuer: &[u8], subject: &[u8]) -> Vec<u8> {
        let version = tlv(0xa0, &[&tlv(2, &[&[2]])]);
        let empty = tlv(0x30, &[]);
        let serial = tlv(2, &[&[1]]);
        let tbs = tlv(0x30, &[&version, &serial, &empty, &name(issuer), &empty, &name(subject)]);
        tlv(0x30, &[&tbs, &empty])
    }

    #[test]
    fn names_are_found() {
        let found = common_names(&certificate(b"CA", b"ann")).unwrap();
        assert_eq!(found, (Some("CA".to_owned()), Some("ann".to_owned())));
    }

    #[test]
    fn a_nul_in_a_name_is_no_name() {
        let found = common_names(&certificate(b"CA", b"admin\0.evil")).unwrap();
        assert_eq!(found.1, None);
    }

    #[test]
    fn every_cut_is_survived() {
        let whole = certificate(b"CA", b"ann");
        for n in 0..whole.len() {
            let _ = common_names(&whole[..n]);
        }
    }
}
