//! PromQL, the language of Prometheus 2.48 with what 3.x added.
//!
//! Text → [`lexer`] → [`parser`] → [`ast`] (types checked by [`check`]) → [`engine`] over [`evaluate`] and [`function`].
//! Two things follow Prometheus 3 because the conformance files do: ranges and look-back are open on the left (`[5m]` at T takes
//! T−5m < t ≤ T), and a number may stand where a duration does and the other way round.

pub(crate) mod lexer;
pub(crate) mod text_literal;
pub(crate) mod parser;
pub mod ast;
mod length;
mod display;
mod pretty;
pub(crate) mod check;
pub(crate) mod annotation;
pub(crate) mod engine;
pub(crate) mod evaluate;
pub(crate) mod function;

pub use parser::parse;
