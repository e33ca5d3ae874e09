//! How many bytes a recorded value keeps, so that recording is bounded without making text of anything: only what a guest or the other
//! side can make large is counted, the rest is in the recorder's overhead.

use crate::abi::wit::types::{Error, IpFamily, TlsInfo, TlsOptions};
use crate::abi::wit::{dns, files, http, icmp, statfs, tcp, unix_http};

/// A value with a size.
pub(crate) trait Weigh {
    /// Bytes that it keeps, roughly.
    fn weight(&self) -> usize {
        0
    }
}

impl Weigh for () {}
impl Weigh for u16 {}
impl Weigh for u32 {}
impl Weigh for u64 {}
impl Weigh for IpFamily {}
impl Weigh for statfs::Usage {}
impl Weigh for tcp::Phases {}
impl Weigh for icmp::Reply {}

impl Weigh for u8 {
    fn weight(&self) -> usize {
        1
    }
}

impl Weigh for String {
    fn weight(&self) -> usize {
        self.len()
    }
}

impl<T: Weigh> Weigh for Vec<T> {
    fn weight(&self) -> usize {
        // Of bytes the loop is folded away.
        self.iter().map(Weigh::weight).sum()
    }
}

impl<T: Weigh> Weigh for Option<T> {
    fn weight(&self) -> usize {
        self.as_ref().map_or(0, Weigh::weight)
    }
}

impl<T: Weigh> Weigh for Result<T, Error> {
    fn weight(&self) -> usize {
        self.as_ref().map_or(0, Weigh::weight)
    }
}

impl<A: Weigh> Weigh for (A,) {
    fn weight(&self) -> usize {
        self.0.weight()
    }
}

impl<A: Weigh, B: Weigh> Weigh for (A, B) {
    fn weight(&self) -> usize {
        self.0.weight() + self.1.weight() + 32
    }
}

impl<A: Weigh, B: Weigh, C: Weigh> Weigh for (A, B, C) {
    fn weight(&self) -> usize {
        self.0.weight() + self.1.weight() + self.2.weight()
    }
}

impl Weigh for files::Entry {
    fn weight(&self) -> usize {
        self.name.len() + size_of::<Self>()
    }
}

impl Weigh for TlsOptions {
    fn weight(&self) -> usize {
        self.ca_pem.weight() + self.certificate_pem.weight() + self.key_pem.weight()
    }
}

impl Weigh for TlsInfo {
    fn weight(&self) -> usize {
        // A certificate's names; most have two or three.
        self.chain.iter().map(|certificate| 512 + certificate.dns_names.weight()).sum()
    }
}

impl Weigh for http::Request {
    fn weight(&self) -> usize {
        self.url.len() + self.headers.weight() + self.body.len() + self.tls.weight()
    }
}

impl Weigh for http::Response {
    fn weight(&self) -> usize {
        self.url.len() + self.headers.weight() + self.body.len() + self.tls.weight()
    }
}

impl Weigh for unix_http::Request {
    fn weight(&self) -> usize {
        self.path.len() + self.headers.weight() + self.body.len()
    }
}

impl Weigh for unix_http::Response {
    fn weight(&self) -> usize {
        self.headers.weight() + self.body.len()
    }
}

impl Weigh for tcp::Options {
    fn weight(&self) -> usize {
        self.tls.weight()
    }
}

impl Weigh for icmp::Echo {
    fn weight(&self) -> usize {
        self.host.len()
    }
}

impl Weigh for dns::Question {
    fn weight(&self) -> usize {
        self.name.len() + self.server.weight()
    }
}

impl Weigh for dns::ResourceRecord {
    fn weight(&self) -> usize {
        self.name.len() + self.data.len() + size_of::<Self>()
    }
}

impl Weigh for dns::Answer {
    fn weight(&self) -> usize {
        self.answers.weight() + self.authorities.weight() + self.additionals.weight()
    }
}
