//! The text `cyr_dbtool FILE twoskip dump` prints.

use super::Twoskip;
use super::format::{self, BLANK, COMMIT, DELETE, DUMMY, DUMMY_OFFSET, RECORD};
use crate::Result;
use std::io::Write;

impl Twoskip {
    /// C: `dump()`
    pub(super) fn dump_text(&self, level: i32, out: &mut Vec<u8>) -> Result<()> {
        let view = self.view();
        let header = &self.header;
        // Writing to a Vec cannot fail.
        let _ = writeln!(
            out,
            "HEADER: v={} fl={} num={} sz=({:08X}/{:08X})",
            header.version, header.flags, header.num_records, header.current_size, header.repack_size
        );
        let mut offset = DUMMY_OFFSET;
        while offset < header.current_size {
            let _ = write!(out, "{offset:08X} ");
            let at = usize::try_from(offset).unwrap_or(usize::MAX);
            if view.base.get(at..).is_some_and(|rest| rest.starts_with(BLANK)) {
                out.extend_from_slice(b"BLANK\n");
                offset += 8;
                continue;
            }
            let head = match view.head(offset) {
                Ok(head) => head,
                Err(error) => {
                    out.extend_from_slice(b"ERROR\n");
                    return Err(error);
                }
            };
            if view.check_tail(&head).is_err() {
                let tail = view.key(&head).len().saturating_add(view.value(&head).len());
                let from = usize::try_from(head.key_offset()).unwrap_or(usize::MAX);
                let padded = tail.saturating_add(7) & !7;
                let bytes = view.base.get(from..from.saturating_add(padded)).unwrap_or_default();
                let _ = write!(out, "ERROR [TAILCRC {:08X} {:08X}] ", head.crc_tail(), format::crc(bytes));
            }
            match head.kind {
                DELETE => {
                    let _ = writeln!(out, "DELETE ptr={:08X}", head.pointer(0));
                }
                COMMIT => {
                    let _ = writeln!(out, "COMMIT start={:08X}", head.pointer(0));
                }
                RECORD | DUMMY => {
                    let name = if head.kind == RECORD { "RECORD" } else { "DUMMY" };
                    let _ =
                        write!(out, "{name} kl={} dl={} lvl={} (", head.key_len, head.value_len, head.level);
                    out.extend(view.key(&head).iter().map(|c| if *c == 0 { b'-' } else { *c }));
                    out.extend_from_slice(b")\n\t");
                    for i in 0..=head.level {
                        let _ = write!(out, "{:08X} ", head.pointer(i));
                        if i % 8 == 0 {
                            out.extend_from_slice(b"\n\t");
                        }
                    }
                    out.push(b'\n');
                    if level > 2 {
                        out.extend_from_slice(b"\tv=(");
                        out.extend(view.value(&head).iter().map(|c| if *c == 0 { b'-' } else { *c }));
                        out.extend_from_slice(b")\n");
                    }
                }
                _ => {}
            }
            offset = head.end();
        }
        Ok(())
    }
}
