//! Nothing: the benchmarks are in `benches/`; `make bench` builds the guests that they need and runs them.
