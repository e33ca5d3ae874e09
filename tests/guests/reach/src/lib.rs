//! Uses each capability beyond files and HTTP once and says which of them worked.

use cepmon_sdk::icmp::Echo;
use cepmon_sdk::tcp::{Connection, IpFamily, Options};
use cepmon_sdk::unix_http::Request;
use cepmon_sdk::{Batch, Error, Kind, Target, dns, log, secrets, state, udp};

#[derive(serde::Deserialize)]
struct Settings {
    socket: String,
}

#[cepmon_sdk::exporter]
fn collect(target: &Target, batch: &mut Batch) -> Result<(), Error> {
    let settings: Settings = target.settings()?;
    let (host, port) = target.address.rsplit_once(':').ok_or_else(|| Error::config("the target needs a port"))?;
    let port: u16 = port.parse()?;
    let outcomes = [
        ("tcp", over_tcp(host, port)),
        ("udp", over_udp(host, port)),
        ("dns", dns::resolve("localhost", IpFamily::V4).map(|addresses| addresses == ["127.0.0.1"])),
        ("icmp", Echo::new(host).send().map(|reply| reply.remote == host)),
        ("unix-http", Request::get(&settings.socket, "/info").send().map(|response| response.body == b"fine")),
        ("secrets", secrets::get("reach-token").map(|token| token == "s3cret")),
    ];
    let mut family = batch.family("reach_ok", Kind::Gauge, "Whether a capability did what it should, by capability.");
    for (capability, outcome) in outcomes {
        if let Err(error) = &outcome {
            log::write(log::Level::Warn, &format!("{capability}: {error}"));
        }
        family.sample(&[("capability", capability)], f64::from(u8::from(outcome == Ok(true))));
    }
    let calls = state::get("calls")?.map_or(Ok(0), |bytes| String::from_utf8_lossy(&bytes).parse::<u64>())? + 1;
    state::set("calls", calls.to_string().as_bytes())?;
    let mut family = batch.family("reach_calls_total", Kind::Counter, "Calls so far, counted in the plugin's own state.");
    family.sample(&[], calls as f64);
    Ok(())
}

fn over_tcp(host: &str, port: u16) -> Result<bool, Error> {
    let mut connection = Connection::open(host, port, Options::default())?;
    connection.send(b"hello")?;
    Ok(connection.receive(64)? == b"hello")
}

fn over_udp(host: &str, port: u16) -> Result<bool, Error> {
    let socket = udp::Socket::open(host, port, IpFamily::Any)?;
    socket.send(b"hello")?;
    Ok(socket.receive(None)? == b"hello")
}
