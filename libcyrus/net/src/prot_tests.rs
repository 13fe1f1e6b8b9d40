use super::*;
use std::io::Read;
use std::os::unix::net::UnixStream;

fn pair() -> (Stream, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (Stream::new(ours.into()), theirs)
}

#[test]
fn lines_are_bounded_and_the_last_needs_no_lf() {
    let (mut s, mut peer) = pair();
    peer.write_all(b"a NOOP\r\nshort\nthis one is too long\nend").unwrap();
    drop(peer);
    let mut line = Vec::new();
    assert!(s.read_line(20, &mut line).unwrap());
    assert_eq!(line, b"a NOOP\r\n");
    line.clear();
    assert!(s.read_line(6, &mut line).unwrap());
    assert_eq!(line, b"short\n");
    line.clear();
    assert!(matches!(s.read_line(10, &mut line), Err(Error::TooLong)));
    s.skip_line().unwrap();
    assert!(s.read_line(10, &mut line).unwrap());
    assert_eq!(line, b"end");
    assert!(!s.read_line(10, &mut line).unwrap());
    assert!(s.is_at_end());
}

#[test]
fn a_literal_larger_than_what_comes_is_an_error_and_costs_no_memory() {
    let (mut s, mut peer) = pair();
    peer.write_all(b"12345").unwrap();
    drop(peer);
    let mut out = Vec::new();
    assert!(matches!(s.read_exact_onto(u64::MAX, &mut out), Err(Error::Closed)));
    assert_eq!(out, b"12345");
    assert!(out.capacity() < 100);
}

#[test]
fn a_literal_arrives_whole_and_leaves_the_rest() {
    let (mut s, mut peer) = pair();
    let data: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    let sent = data.clone();
    let writer = std::thread::spawn(move || {
        peer.write_all(&sent).unwrap();
        peer.write_all(b"rest\n").unwrap();
    });
    let mut out = Vec::new();
    s.read_exact_onto(300_000, &mut out).unwrap();
    assert_eq!(out, data);
    let mut line = Vec::new();
    s.read_line(100, &mut line).unwrap();
    assert_eq!(line, b"rest\n");
    writer.join().unwrap();
    assert_eq!(s.counts().0, 300_005);
}

#[test]
fn output_keeps_its_order_whatever_the_sizes() {
    let (mut s, mut peer) = pair();
    let reader = std::thread::spawn(move || {
        let mut all = Vec::new();
        peer.read_to_end(&mut all).unwrap();
        all
    });
    let mut expected = Vec::new();
    for n in [1_usize, 10, 40_000, 3, 32_768, 32_767, 2, 200_000] {
        let piece = vec![(n % 256) as u8; n];
        s.write(&piece);
        expected.extend_from_slice(&piece);
    }
    write!(s, "* {} EXISTS\r\n", 5).unwrap();
    expected.extend_from_slice(b"* 5 EXISTS\r\n");
    s.flush().unwrap();
    assert_eq!(s.counts().1, expected.len() as u64);
    drop(s);
    assert!(reader.join().unwrap() == expected);
}

#[test]
fn a_read_that_waits_flushes_first_and_times_out() {
    let (mut s, mut peer) = pair();
    s.write(b"+ go ahead\r\n");
    s.set_timeout(Some(Duration::from_millis(20)));
    assert!(matches!(s.fill(), Err(Error::Timeout)));
    let mut buf = [0; 12];
    peer.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"+ go ahead\r\n");
}

#[test]
fn wait_tells_input_others_and_time_apart() {
    let (mut s, mut peer) = pair();
    let (other, mut poke) = UnixStream::pair().unwrap();
    let others = [other.as_fd()];
    let short = Some(Duration::from_millis(5));
    assert_eq!(s.wait(&others, short).unwrap(), Wake::Timeout);
    poke.write_all(b"!").unwrap();
    assert_eq!(s.wait(&others, short).unwrap(), Wake::Other(0));
    peer.write_all(b"DONE\r\n").unwrap();
    assert_eq!(s.wait(&[], short).unwrap(), Wake::Input);
}

#[test]
fn a_vanished_peer_is_seen_by_flush() {
    let (mut s, peer) = pair();
    drop(peer);
    s.write(b"x");
    assert!(matches!(s.flush(), Err(Error::Closed)));
    s.write(&vec![0; 100_000]);
    assert!(matches!(s.flush(), Err(Error::Closed)));
    assert_eq!(s.fill().unwrap(), b"");
}

/// Adds one to every octet on the way out.
struct Shift;

impl Layer for Shift {
    fn decode(&mut self, received: &[u8], out: &mut Vec<u8>) -> Result<()> {
        out.extend(received.iter().map(|b| b.wrapping_sub(1)));
        Ok(())
    }
    fn encode(&mut self, clear: &[u8], out: &mut Vec<u8>) -> Result<()> {
        out.extend(clear.iter().map(|b| b.wrapping_add(1)));
        Ok(())
    }
}

#[test]
fn layers_apply_in_order_to_both_directions() {
    let (mut s, mut peer) = pair();
    s.write(b"abc");
    s.push_layer(Box::new(Shift)).unwrap();
    s.write(b"abc");
    s.push_layer(Box::new(Shift)).unwrap();
    s.write(b"abc");
    s.flush().unwrap();
    let mut got = [0; 9];
    peer.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"abcbcdcde");
    peer.write_all(b"cde\x0c").unwrap();
    let mut line = Vec::new();
    s.read_line(10, &mut line).unwrap();
    assert_eq!(line, b"abc\n");
}
