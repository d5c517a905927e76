//! A TCP port that leads to another one, and can be cut, slowed, held, refused or led elsewhere: a
//! bad network, or a name that moves to another server.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};

const POLL: Duration = Duration::from_millis(5);
const PIECE_BYTES: usize = 64 * 1024;

/// What happens to what is sent, in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// It passes.
    Passes,
    /// Each piece waits this long.
    Slow(Duration),
    /// It waits until traffic passes again, and nobody is told.
    Held,
    /// Connections are closed, new ones as soon as they are made.
    Refused,
}

/// A port that leads to another; dropping it closes it and all its connections.
pub struct Forwarder {
    port: u16,
    gate: Arc<Gate>,
    accepting: Option<JoinHandle<()>>,
}

struct Gate {
    state: Mutex<State>,
    closed: AtomicBool,
}

struct State {
    target: u16,
    traffic: Traffic,
    connections: Vec<(TcpStream, TcpStream)>,
}

impl Forwarder {
    /// Opens a port of the loopback interface that leads to `target` on the same.
    pub fn to(target: u16) -> Result<Forwarder> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, crate::port::free()?))
            .context("cannot listen for connections to forward")?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let gate = Arc::new(Gate {
            state: Mutex::new(State {
                target,
                traffic: Traffic::Passes,
                connections: Vec::new(),
            }),
            closed: AtomicBool::new(false),
        });
        let accepting = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || gate.accept(&listener))
        };
        Ok(Forwarder {
            port,
            gate,
            accepting: Some(accepting),
        })
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What happens to traffic from now on.
    pub fn set(&self, traffic: Traffic) {
        let mut state = self.gate.state();
        state.traffic = traffic;
        if traffic == Traffic::Refused {
            state.cut();
        }
    }

    /// Closes the connections there are; new ones are made as before.
    pub fn cut(&self) {
        self.gate.state().cut();
    }

    /// Leads new connections to another port, and closes those there are.
    pub fn redirect(&self, target: u16) {
        let mut state = self.gate.state();
        state.target = target;
        state.cut();
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.gate.closed.store(true, Ordering::Relaxed);
        self.gate.state().cut();
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

impl State {
    fn cut(&mut self) {
        for (from, to) in self.connections.drain(..) {
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        }
    }
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn accept(self: Arc<Self>, listener: &TcpListener) {
        while !self.closed.load(Ordering::Relaxed) {
            match listener.accept() {
                // A target that is down closes the connection, as it would itself.
                Ok((from, _)) => drop(self.connect(from)),
                Err(_) => thread::sleep(POLL),
            }
        }
    }

    fn connect(self: &Arc<Self>, from: TcpStream) -> io::Result<()> {
        from.set_nonblocking(false)?;
        from.set_nodelay(true)?;
        let mut state = self.state();
        if state.traffic == Traffic::Refused {
            return from.shutdown(Shutdown::Both);
        }
        let to = TcpStream::connect((Ipv4Addr::LOCALHOST, state.target))?;
        to.set_nodelay(true)?;
        for (source, sink) in [(&from, &to), (&to, &from)] {
            let (source, sink) = (source.try_clone()?, sink.try_clone()?);
            let gate = Arc::clone(self);
            thread::spawn(move || {
                let _ = gate.copy(&source, &sink);
                let _ = source.shutdown(Shutdown::Both);
                let _ = sink.shutdown(Shutdown::Both);
            });
        }
        state.connections.push((from, to));
        Ok(())
    }

    fn copy(&self, mut source: &TcpStream, mut sink: &TcpStream) -> io::Result<()> {
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let length = source.read(&mut piece)?;
            if length == 0 {
                return Ok(());
            }
            if let Traffic::Slow(delay) = self.traffic() {
                thread::sleep(delay);
            }
            while self.traffic() == Traffic::Held {
                if self.closed.load(Ordering::Relaxed) {
                    return Ok(());
                }
                thread::sleep(POLL);
            }
            sink.write_all(&piece[..length])?;
        }
    }

    fn traffic(&self) -> Traffic {
        self.state().traffic
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers each connection's first byte with its own.
    fn server(says: u8) -> Result<u16> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                thread::spawn(move || {
                    let mut byte = [0];
                    while connection.read_exact(&mut byte).is_ok() {
                        connection.write_all(&[says]).unwrap();
                    }
                });
            }
        });
        Ok(port)
    }

    fn ask(connection: &mut TcpStream) -> io::Result<u8> {
        let mut byte = [0];
        connection.write_all(&byte)?;
        connection.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    #[test]
    fn connections_pass_are_cut_held_refused_and_led_elsewhere() -> Result<()> {
        let forwarder = Forwarder::to(server(b'a')?)?;
        let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, forwarder.port()));
        let mut first = connect()?;
        assert_eq!(ask(&mut first)?, b'a');
        forwarder.cut();
        assert!(ask(&mut first).is_err());

        let mut second = connect()?;
        forwarder.set(Traffic::Held);
        second.set_read_timeout(Some(Duration::from_millis(200)))?;
        assert!(ask(&mut second).is_err(), "nothing comes through");
        forwarder.set(Traffic::Slow(Duration::from_millis(1)));
        second.set_read_timeout(None)?;
        let mut byte = [0];
        second.read_exact(&mut byte)?;
        assert_eq!(byte, [b'a'], "what was held arrives");

        forwarder.set(Traffic::Refused);
        assert!(ask(&mut second).is_err());
        assert!(ask(&mut connect()?).is_err());

        forwarder.set(Traffic::Passes);
        forwarder.redirect(server(b'b')?);
        assert_eq!(ask(&mut connect()?)?, b'b');
        Ok(())
    }
}
