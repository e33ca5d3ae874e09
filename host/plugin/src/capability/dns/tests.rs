//! Questions to a name server on loopback that answers what a test tells it.

use std::net::Ipv4Addr;

use hickory_proto::rr::RData;
use hickory_proto::rr::rdata::{A, MX, TXT};
use tokio::net::{TcpListener, UdpSocket};

use super::*;
use crate::testing::{grants, guest};

fn question(name: &str, record_type: &str, server: &str) -> Question {
    Question {
        name: name.to_owned(),
        record_type: record_type.to_owned(),
        class: "IN".to_owned(),
        server: Some(server.to_owned()),
        transport: Transport::Udp,
        family: IpFamily::Any,
        is_recursion_desired: true,
        timeout_ns: 2_000_000_000,
    }
}

fn answer(bytes: &[u8]) -> Message {
    let question = Message::from_vec(bytes).unwrap();
    let mut answer = Message::response(question.metadata.id, OpCode::Query);
    answer.metadata.authoritative = true;
    answer.metadata.recursion_desired = question.metadata.recursion_desired;
    let query = question.queries[0].clone();
    let data = match query.query_type() {
        RecordType::A => Some(RData::A(A(Ipv4Addr::new(192, 0, 2, 7)))),
        RecordType::MX => Some(RData::MX(MX::new(10, Name::from_str("mail.example.").unwrap()))),
        RecordType::TXT => Some(RData::TXT(TXT::new(vec!["v=spf1 -all".to_owned()]))),
        _ => None,
    };
    match data {
        Some(data) => drop(answer.add_answer(Record::from_rdata(query.name().clone(), 300, data))),
        None => answer.metadata.response_code = ResponseCode::NXDomain,
    }
    answer.add_query(query);
    answer
}

/// A server over UDP and TCP on one port; before each datagram that answers it sends a forged one.
async fn start() -> String {
    let (listener, socket) = loop {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        // The other protocol's port of that number may be taken.
        if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()).await {
            break (listener, socket);
        }
    };
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut bytes = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut bytes).await {
            let answer = answer(&bytes[..length]);
            let mut forged = answer.clone();
            forged.metadata.id = forged.metadata.id.wrapping_add(1);
            forged.answers.clear();
            socket.send_to(&forged.to_vec().unwrap(), from).await.unwrap();
            socket.send_to(b"noise", from).await.unwrap();
            socket.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let Ok(length) = stream.read_u16().await else { continue };
            let mut bytes = vec![0; usize::from(length)];
            stream.read_exact(&mut bytes).await.unwrap();
            let answer = answer(&bytes).to_vec().unwrap();
            stream.write_u16(u16::try_from(answer.len()).unwrap()).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn records_come_in_presentation_format_over_both_transports() {
    let server = start().await;
    let mut guest = guest(&grants(&["dns:target"]), &server, true);
    for transport in [Transport::Udp, Transport::Tcp] {
        for (record_type, data) in [("A", "192.0.2.7"), ("MX", "10 mail.example."), ("TXT", "v=spf1 -all")] {
            let asked = Question { transport, ..question("example.test.", record_type, &server) };
            let answer = guest.state_mut().query(asked).await.unwrap();
            let record = &answer.answers[0];
            assert_eq!((answer.rcode, answer.is_authoritative, answer.answers.len()), (0, true, 1));
            assert_eq!((record.name.as_str(), record.record_type.as_str(), record.class.as_str()), ("example.test.", record_type, "IN"));
            assert_eq!((record.data.as_str(), record.ttl_s), (data, 300));
            assert_eq!(answer.remote, server);
        }
    }
    let missing = guest.state_mut().query(question("example.test.", "TYPE65", &server)).await.unwrap();
    assert_eq!((missing.rcode, missing.answers.len()), (3, 0));
}

#[tokio::test]
async fn only_granted_servers_are_asked() {
    let denied = |result: Result<Answer, Error>, want: &str| {
        assert!(matches!(&result, Err(Error::Denied(message)) if message.contains(want)), "{want}: {result:?}");
    };
    let mut guest = guest(&grants(&["dns:target"]), "192.0.2.1", true);
    denied(guest.state_mut().query(question("a.test.", "A", "192.0.2.2")).await, "cepmon plugin grant test dns:192.0.2.2:53");
    denied(guest.state_mut().query(question("a.test.", "A", "192.0.2.1:54")).await, "dns:192.0.2.1:54");
    let system = Question { server: None, ..question("a.test.", "A", "") };
    denied(guest.state_mut().query(system).await, "cepmon plugin grant test dns:system");
    let addresses = Host::resolve(guest.state_mut(), "localhost".to_owned(), IpFamily::Any).await;
    assert!(matches!(&addresses, Err(Error::Denied(message)) if message.ends_with("dns:system")), "{addresses:?}");
    let mut granted = crate::testing::guest(&grants(&["dns:system"]), "", true);
    let addresses = Host::resolve(granted.state_mut(), "localhost".to_owned(), IpFamily::V4).await.unwrap();
    assert_eq!(addresses, ["127.0.0.1"]);
}

#[tokio::test]
async fn questions_that_make_no_sense_say_which_part() {
    let mut guest = guest(&grants(&["dns:target"]), "127.0.0.1:53", true);
    for (asked, want) in [
        (question("a.test.", "NOPE", "127.0.0.1:53"), "record type \"NOPE\""),
        (Question { class: "XX".to_owned(), ..question("a.test.", "A", "127.0.0.1:53") }, "class \"XX\""),
        (question(&"a".repeat(64), "A", "127.0.0.1:53"), "name \"aaaa"),
        (question("a.test.", "A", "127.0.0.1:port"), "expected host or host:port"),
    ] {
        let result = guest.state_mut().query(asked).await;
        assert!(matches!(&result, Err(Error::Config(message)) if message.contains(want)), "{want}: {result:?}");
    }
}
