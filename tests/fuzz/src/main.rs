//! Feeds random input to what reads hostile bytes: `cepmon-fuzz TARGET SECONDS [SEED]`. It has no coverage feedback and keeps no corpus; what
//! it finds is told by the seed.

mod random;
mod stored;
mod target;

use std::time::{Duration, Instant};

use random::Random;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let parsed = match arguments.as_slice() {
        [name, seconds] => seconds.parse().ok().map(|seconds: u64| (name, seconds, None)),
        [name, seconds, seed] => seconds.parse().ok().zip(seed.parse().ok()).map(|(seconds, seed)| (name, seconds, Some(seed))),
        _ => None,
    };
    let found = parsed.and_then(|(name, seconds, seed)| Some((target::find(name)?, name, seconds, seed)));
    let Some((run, name, seconds, seed)) = found else {
        eprintln!("usage: cepmon-fuzz TARGET SECONDS [SEED]; targets: {}", target::NAMES.join(", "));
        std::process::exit(2);
    };
    if let Some(seed) = seed {
        run(&mut Random::new(seed));
        println!("{name}: seed {seed} holds");
        return;
    }
    let (start, mut seed, mut accepted) = (Instant::now(), 0u64, 0u64);
    while start.elapsed() < Duration::from_secs(seconds) {
        let result = std::panic::catch_unwind(|| run(&mut Random::new(seed)));
        match result {
            Ok(was_accepted) => accepted += u64::from(was_accepted),
            Err(_) => {
                eprintln!("{name}: seed {seed} breaks it; again with: cepmon-fuzz {name} 0 {seed}");
                std::process::exit(1);
            }
        }
        seed += 1;
    }
    println!("{name}: {seed} inputs in {seconds} s, {accepted} of them accepted, none broke anything");
}
