//! Free TCP ports of the loopback interface.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result, bail};

/// Below the range from which systems take the ports of outgoing connections, so that a port stays
/// free while its server is down.
const FIRST: u16 = 20_000;
const COUNT: u64 = 12_000;
const ATTEMPTS: u32 = 100;

/// A port that nobody listens on at this moment. Another process may still take it first: be ready
/// to try again.
pub fn free() -> Result<u16> {
    for attempt in 0..ATTEMPTS {
        let offset = RandomState::new().hash_one(attempt) % COUNT;
        let port = FIRST + u16::try_from(offset)?;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!(
        "no free TCP port found between {FIRST} and {}",
        u64::from(FIRST) + COUNT
    )
}

/// The same URL with another port.
pub fn replaced(url: &str, port: u16) -> Result<String> {
    let parts = url.rsplit_once('/').and_then(|(server, database)| {
        let (host, _) = server.rsplit_once(':')?;
        Some(format!("{host}:{port}/{database}"))
    });
    parts.context("the URL has no port and database")
}
