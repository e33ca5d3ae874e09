//! The sockets that a guest holds: `tcp` connections and `udp` sockets, by the number that its handle carries. They end with the
//! call; a number is never used again, so a handle that a reused guest kept from an earlier call reaches nothing.

use std::collections::BTreeMap;

use tokio::net::UdpSocket;

use crate::abi::wit::types::Error;
use crate::capability::tcp::Stream;

/// Open sockets of one guest at once.
const MAX_OPEN: usize = 64;

/// The open sockets of one guest.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    next: u32,
    streams: BTreeMap<u32, Stream>,
    datagrams: BTreeMap<u32, UdpSocket>,
}

impl Sockets {
    /// Whether there is room for one more; to be asked before one is opened.
    pub(crate) fn check_room(&self) -> Result<(), Error> {
        match self.streams.len() + self.datagrams.len() < MAX_OPEN && self.next < u32::MAX {
            true => Ok(()),
            false => Err(Error::Other(format!("cannot open another socket: {MAX_OPEN} are open; close one first"))),
        }
    }

    pub(crate) fn add_stream(&mut self, stream: Stream) -> u32 {
        self.next += 1;
        self.streams.insert(self.next, stream);
        self.next
    }

    pub(crate) fn add_datagram(&mut self, socket: UdpSocket) -> u32 {
        self.next += 1;
        self.datagrams.insert(self.next, socket);
        self.next
    }

    pub(crate) fn stream(&mut self, number: u32) -> Result<&mut Stream, Error> {
        self.streams.get_mut(&number).ok_or_else(ended)
    }

    pub(crate) fn datagram(&mut self, number: u32) -> Result<&mut UdpSocket, Error> {
        self.datagrams.get_mut(&number).ok_or_else(ended)
    }

    pub(crate) fn close(&mut self, number: u32) {
        self.streams.remove(&number);
        self.datagrams.remove(&number);
    }

    /// Closes all of them: the call is over.
    pub(crate) fn close_all(&mut self) {
        self.streams.clear();
        self.datagrams.clear();
    }
}

fn ended() -> Error {
    Error::Other("cannot use the socket: it ended with the call that opened it".to_owned())
}
