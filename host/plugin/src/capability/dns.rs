//! `dns`: questions to name servers that were granted, and the system's own resolution. One question, one answer: it neither follows
//! referrals nor retries.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::abi::wit::dns::{Answer, Host, Question, ResourceRecord, Transport};
use crate::abi::wit::types::{Error, IpFamily};
use crate::capability::network::address::{Reach, host_port, split_host_port};
use crate::capability::network::connect::{Failure, connect, resolve};
use crate::capability::network::nanos;
use crate::capability::udp;
use crate::grant::{Capability, SYSTEM};
use crate::guest::GuestState;

/// Where the system keeps its name servers.
pub(crate) const RESOLV_CONF: &str = "/etc/resolv.conf";
/// Port of DNS.
pub(crate) const PORT: u16 = 53;
/// The largest answer over UDP (RFC 6891 lets a client say how much it takes; without it servers cut at 512).
const MAX_DATAGRAM_BYTES: usize = 65_535;

impl Host for GuestState {
    async fn query(&mut self, question: Question) -> Result<Answer, Error> {
        let message = message(&question)?;
        let (host, port, reach) = self.server(question.server.as_deref())?;
        let deadline = self.request_deadline(question.timeout_ns);
        let exchange = async {
            match question.transport {
                Transport::Udp => over_udp(&message, &host, port, question.family, reach).await,
                Transport::Tcp => over_tcp(&message, &host, port, question.family, reach, deadline).await,
            }
        };
        let exchanged = match tokio::time::timeout_at(deadline.into(), exchange).await {
            Ok(Ok(exchanged)) => exchanged,
            Ok(Err(failure)) => return Err(self.failed(Capability::Dns, failure)),
            Err(_) => return Err(Error::Timeout),
        };
        self.spend_network_bytes(exchanged.bytes)?;
        self.context.counters.count_bytes_in(exchanged.bytes as u64);
        Ok(exchanged.answer())
    }

    async fn resolve(&mut self, name: String, family: IpFamily) -> Result<Vec<String>, Error> {
        self.may_ask_the_system()?;
        let deadline = self.request_deadline(0);
        // Nothing is connected to, so every address may be told.
        match tokio::time::timeout_at(deadline.into(), resolve(&name, 0, family, Reach::SYSTEM)).await {
            Ok(Ok(addresses)) => Ok(addresses.iter().map(|address| address.ip().to_string()).collect()),
            Ok(Err(failure)) => Err(self.failed(Capability::Dns, failure)),
            Err(_) => Err(Error::Timeout),
        }
    }
}

impl GuestState {
    /// Host and port of the server to ask, and by whose leave.
    fn server(&mut self, server: Option<&str>) -> Result<(String, u16, Reach), Error> {
        let Some(server) = server else {
            self.may_ask_the_system()?;
            return Ok((system_server()?, PORT, Reach::SYSTEM));
        };
        let (host, port) = split_host_port(server)
            .ok_or_else(|| Error::Config(format!("cannot ask name server \"{server}\": expected host or host:port, such as 9.9.9.9:53")))?;
        let port = port.unwrap_or(PORT);
        let reach = self.reach(Capability::Dns, &host, Some(port))?;
        Ok((host, port, reach))
    }

    fn may_ask_the_system(&mut self) -> Result<(), Error> {
        if self.context.access.dns.system {
            self.used(Capability::Dns, SYSTEM);
            return Ok(());
        }
        Err(self.deny(Capability::Dns, SYSTEM, "the system's name servers"))
    }
}

fn system_server() -> Result<String, Error> {
    let fail = |problem: String| Error::Other(format!("cannot find the system's name server in \"{RESOLV_CONF}\": {problem}"));
    let text = std::fs::read(RESOLV_CONF).map_err(|error| fail(error.to_string()))?;
    let config = resolv_conf::Config::parse(text).map_err(|error| fail(error.to_string()))?;
    let first = config.nameservers.first().ok_or_else(|| fail("it names none".to_owned()))?;
    Ok(first.to_string())
}

fn message(question: &Question) -> Result<Message, Error> {
    let wrong = |what: &str, value: &str| Error::Config(format!("cannot ask for {what} \"{value}\""));
    let name =
        Name::from_str(&question.name).map_err(|error| Error::Config(format!("cannot ask for name \"{}\": {error}", question.name)))?;
    let record_type = record_type(&question.record_type).ok_or_else(|| wrong("record type", &question.record_type))?;
    let class = DNSClass::from_str(&question.class).map_err(|_| wrong("class", &question.class))?;
    let mut query = Query::query(name, record_type);
    query.set_query_class(class);
    let mut message = Message::query();
    message.metadata.op_code = OpCode::Query;
    message.metadata.recursion_desired = question.is_recursion_desired;
    message.add_query(query);
    Ok(message)
}

/// By mnemonic, or `TYPE65` as RFC 3597 spells unknown ones.
fn record_type(name: &str) -> Option<RecordType> {
    let by_number = || name.strip_prefix("TYPE")?.parse::<u16>().ok().map(RecordType::from);
    RecordType::from_str(name).ok().or_else(by_number)
}

/// A question and its answer.
pub(crate) struct Exchanged {
    pub(crate) message: Message,
    bytes: usize,
    remote: SocketAddr,
    resolve: Duration,
    connect: Duration,
    request: Duration,
}

pub(crate) async fn over_udp(message: &Message, host: &str, port: u16, family: IpFamily, reach: Reach) -> Result<Exchanged, Failure> {
    let began = Instant::now();
    let socket = udp::open(host, port, family, reach).await?;
    let resolve = began.elapsed();
    let place = host_port(host, port);
    let unreachable = |error: std::io::Error| Failure::unreachable(&place, error);
    let remote = socket.peer_addr().map_err(unreachable)?;
    let bytes = encoded(message)?;
    let began = Instant::now();
    socket.send(&bytes).await.map_err(unreachable)?;
    let mut buffer = vec![0; MAX_DATAGRAM_BYTES];
    loop {
        let length = socket.recv(&mut buffer).await.map_err(unreachable)?;
        // A datagram that does not answer this very question is a stray or a forgery: the real answer may still come.
        if let Some(answer) = answer_to(message, &buffer[..length]) {
            let request = began.elapsed();
            return Ok(Exchanged { message: answer, bytes: bytes.len() + length, remote, resolve, connect: Duration::ZERO, request });
        }
    }
}

pub(crate) async fn over_tcp(
    message: &Message,
    host: &str,
    port: u16,
    family: IpFamily,
    reach: Reach,
    deadline: Instant,
) -> Result<Exchanged, Failure> {
    let mut connected = connect(host, port, family, reach, deadline).await?;
    let place = host_port(host, port);
    let unreachable = |error: std::io::Error| Failure::unreachable(&place, error);
    let bytes = encoded(message)?;
    let length = u16::try_from(bytes.len()).map_err(|_| Failure::Guest(Error::Other("cannot ask: the question is too long".to_owned())))?;
    let began = Instant::now();
    connected.stream.write_all(&[&length.to_be_bytes()[..], &bytes].concat()).await.map_err(unreachable)?;
    let length = connected.stream.read_u16().await.map_err(unreachable)?;
    let mut buffer = vec![0; usize::from(length)];
    connected.stream.read_exact(&mut buffer).await.map_err(unreachable)?;
    let request = began.elapsed();
    let answer = answer_to(message, &buffer).ok_or_else(|| {
        Failure::Guest(Error::Protocol(format!("cannot read the answer of \"{place}\": it is no answer to this question")))
    })?;
    let bytes = bytes.len() + buffer.len();
    Ok(Exchanged { message: answer, bytes, remote: connected.remote, resolve: connected.resolve, connect: connected.connect, request })
}

fn encoded(message: &Message) -> Result<Vec<u8>, Failure> {
    message.to_vec().map_err(|error| Failure::Guest(Error::Other(format!("cannot write the question: {error}"))))
}

/// The answer to a question, if these bytes are one: its number and its question have to be repeated.
fn answer_to(question: &Message, bytes: &[u8]) -> Option<Message> {
    let answer = Message::from_vec(bytes).ok()?;
    let is_answer = answer.metadata.id == question.metadata.id && answer.metadata.message_type == MessageType::Response;
    // Servers that refuse may leave the question out.
    let is_same =
        answer.queries == question.queries || (answer.queries.is_empty() && answer.metadata.response_code != ResponseCode::NoError);
    (is_answer && is_same).then_some(answer)
}

impl Exchanged {
    fn answer(self) -> Answer {
        let records = |records: Vec<Record>| records.into_iter().map(resource_record).collect();
        let facts = &self.message.metadata;
        Answer {
            rcode: facts.response_code.into(),
            is_authoritative: facts.authoritative,
            is_truncated: facts.truncation,
            is_recursion_available: facts.recursion_available,
            is_authentic_data: facts.authentic_data,
            answers: records(self.message.answers),
            authorities: records(self.message.authorities),
            additionals: records(self.message.additionals),
            remote: self.remote.to_string(),
            resolve_ns: nanos(self.resolve),
            connect_ns: nanos(self.connect),
            request_ns: nanos(self.request),
        }
    }
}

fn resource_record(record: Record) -> ResourceRecord {
    ResourceRecord {
        name: record.name.to_string(),
        record_type: record.record_type().to_string(),
        class: record.dns_class.to_string(),
        ttl_s: record.ttl,
        data: record.data.to_string(),
    }
}

#[cfg(test)]
mod tests;
