//! Peers: buffered stream, TLS, SASL, telemetry, tokens, local datagrams.
#![forbid(unsafe_code)]
