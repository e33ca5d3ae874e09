//! Questions to the system's name servers on the host's own behalf: for discovery of targets by DNS. Each server in turn, names with the
//! search list, TCP where an answer was cut (as Prometheus 2.48 does). It keeps no answers.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};

use crate::abi::wit::types::IpFamily;
use crate::capability::dns::{PORT, RESOLV_CONF, over_tcp, over_udp};
use crate::capability::network::address::Reach;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnsQuestion {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Services: hosts with ports.
    Srv,
    /// Mail servers.
    Mx,
    /// Name servers.
    Ns,
}

/// One record of an answer. Names end with a dot, as DNS writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DnsAnswer {
    /// An address.
    Address(IpAddr),
    /// A service.
    Srv {
        /// Its host.
        host: String,
        /// Its port.
        port: u16,
    },
    /// A mail server.
    Mx(String),
    /// A name server.
    Ns(String),
}

/// No server gave an answer that counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot look up \"{name}\": {problem}")]
pub struct LookUpError {
    name: String,
    problem: String,
}

/// Records of a name. A name that does not exist has none; an error says that nobody knows.
pub async fn look_up(name: &str, question: DnsQuestion, timeout: Duration) -> Result<Vec<DnsAnswer>, LookUpError> {
    let fail = |problem: String| LookUpError { name: name.to_owned(), problem };
    let text = std::fs::read(RESOLV_CONF).map_err(|error| fail(format!("cannot read \"{RESOLV_CONF}\": {error}")))?;
    let config = resolv_conf::Config::parse(text).map_err(|error| fail(format!("cannot read \"{RESOLV_CONF}\": {error}")))?;
    let servers: Vec<SocketAddr> = config.nameservers.iter().map(|server| SocketAddr::new(server.into(), PORT)).collect();
    let search: Vec<String> = config.get_last_search_or_domain().map(ToString::to_string).collect();
    let asking = Asking { servers: &servers, names: names(name, &search, config.ndots as usize), question, timeout };
    asking.ask().await.map_err(fail)
}

struct Asking<'a> {
    servers: &'a [SocketAddr],
    /// In the order in which they are tried.
    names: Vec<String>,
    question: DnsQuestion,
    timeout: Duration,
}

impl Asking<'_> {
    async fn ask(&self) -> Result<Vec<DnsAnswer>, String> {
        let mut last_problem = None;
        for name in &self.names {
            match self.ask_servers(name).await {
                Ok(message) if message.metadata.response_code == ResponseCode::NoError => return Ok(answers(&message)),
                Ok(_) => {}
                Err(problem) => last_problem = Some(problem),
            }
        }
        // When all servers say that no such name exists, it has no records; otherwise nobody knows.
        last_problem.map_or(Ok(Vec::new()), Err)
    }

    /// The first server that knows the name or knows that it does not exist.
    async fn ask_servers(&self, name: &str) -> Result<Message, String> {
        let mut problem = "there is no name server".to_owned();
        for server in self.servers {
            match tokio::time::timeout(self.timeout, self.exchange(name, *server)).await {
                Ok(Ok(message)) => match message.metadata.response_code {
                    ResponseCode::NoError | ResponseCode::NXDomain => return Ok(message),
                    other => problem = format!("{server} answered {other}"),
                },
                Ok(Err(error)) => problem = error,
                Err(_) => problem = format!("{server} did not answer within {} s", self.timeout.as_secs()),
            }
        }
        Err(problem)
    }

    async fn exchange(&self, name: &str, server: SocketAddr) -> Result<Message, String> {
        let name = Name::from_str(name).map_err(|error| error.to_string())?;
        let mut message = Message::query();
        message.metadata.op_code = OpCode::Query;
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(name, self.question.record_type()));
        let (host, port) = (server.ip().to_string(), server.port());
        let fail = |failure| format!("{server}: {failure:?}");
        let answer = over_udp(&message, &host, port, IpFamily::Any, Reach::SYSTEM).await.map_err(fail)?;
        if !answer.message.metadata.truncation {
            return Ok(answer.message);
        }
        let deadline = Instant::now() + self.timeout;
        over_tcp(&message, &host, port, IpFamily::Any, Reach::SYSTEM, deadline).await.map(|answer| answer.message).map_err(fail)
    }
}

/// The names that a name may mean, as resolv.conf(5) says.
fn names(name: &str, search: &[String], ndots: usize) -> Vec<String> {
    if name.ends_with('.') {
        return vec![name.to_owned()];
    }
    let full = format!("{name}.");
    let mut names: Vec<String> = search.iter().map(|domain| format!("{name}.{}.", domain.trim_end_matches('.'))).collect();
    let is_full_enough = name.matches('.').count() >= ndots;
    names.insert(if is_full_enough { 0 } else { names.len() }, full);
    names
}

fn answers(message: &Message) -> Vec<DnsAnswer> {
    let answer = |data: &RData| match data {
        RData::A(address) => Some(DnsAnswer::Address(address.0.into())),
        RData::AAAA(address) => Some(DnsAnswer::Address(address.0.into())),
        RData::SRV(service) => Some(DnsAnswer::Srv { host: service.target.to_string(), port: service.port }),
        RData::MX(server) => Some(DnsAnswer::Mx(server.exchange.to_string())),
        RData::NS(server) => Some(DnsAnswer::Ns(server.0.to_string())),
        // Names on the way to an address.
        _ => None,
    };
    message.answers.iter().filter_map(|record| answer(&record.data)).collect()
}

impl DnsQuestion {
    fn record_type(self) -> RecordType {
        match self {
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
            Self::Srv => RecordType::SRV,
            Self::Mx => RecordType::MX,
            Self::Ns => RecordType::NS,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use hickory_proto::op::MessageType;
    use hickory_proto::rr::Record;
    use hickory_proto::rr::rdata::{A, SRV};
    use tokio::net::UdpSocket;

    use super::*;

    #[test]
    fn names_are_tried_as_resolv_conf_says() {
        let search = ["corp.example".to_owned()];
        let f = |name: &str, want: &[&str]| assert_eq!(names(name, &search, 1), want);
        f("db", &["db.corp.example.", "db."]);
        f("db.prod", &["db.prod.", "db.prod.corp.example."]);
        f("db.", &["db."]);
    }

    /// A server that knows `db.example.`, fails for `broken.` and knows of no other name.
    async fn server() -> SocketAddr {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
                let mut message = Message::from_vec(&buffer[..length]).unwrap();
                message.metadata.message_type = MessageType::Response;
                let query = message.queries[0].clone();
                let name = query.name().clone();
                let data = match (name.to_string().as_str(), query.query_type()) {
                    ("db.example.", RecordType::A) => Some(RData::A(A(Ipv4Addr::new(192, 0, 2, 1)))),
                    ("db.example.", RecordType::SRV) => Some(RData::SRV(SRV::new(0, 0, 9100, Name::from_str("n1.example.").unwrap()))),
                    _ => None,
                };
                message.metadata.response_code = match (data.is_some(), name.to_string().as_str()) {
                    (true, _) => ResponseCode::NoError,
                    (false, "broken.") => ResponseCode::ServFail,
                    (false, _) => ResponseCode::NXDomain,
                };
                if let Some(data) = data {
                    message.add_answer(Record::from_rdata(name, 60, data));
                }
                socket.send_to(&message.to_vec().unwrap(), client).await.unwrap();
            }
        });
        address
    }

    #[tokio::test]
    async fn answers_no_such_name_and_nobody_knows_are_told_apart() {
        let servers = [server().await];
        let ask = async |name: &str, question| {
            let names = names(name, &["example".to_owned()], 1);
            Asking { servers: &servers, names, question, timeout: Duration::from_secs(5) }.ask().await
        };
        assert_eq!(ask("db", DnsQuestion::A).await.unwrap(), [DnsAnswer::Address(Ipv4Addr::new(192, 0, 2, 1).into())]);
        assert_eq!(ask("db.example", DnsQuestion::Srv).await.unwrap(), [DnsAnswer::Srv { host: "n1.example.".into(), port: 9100 }]);
        assert_eq!(ask("nobody.example", DnsQuestion::A).await.unwrap(), []);
        assert!(ask("broken.", DnsQuestion::A).await.unwrap_err().contains("Server Failure"));
    }
}
