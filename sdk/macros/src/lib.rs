//! The attributes of `cepmon-sdk`: they leave the function as it is and add the component's export beside it.
//!
//! No parser crate stands behind them: all that is needed of a function is its name, and the compiler checks the signature where
//! the export calls it. That keeps a plugin's first build short.

use proc_macro::{Delimiter, Group, Ident, Punct, Spacing, Span, TokenStream, TokenTree};

/// Makes `fn(&Target, &mut Batch) -> Result<(), Error>` the exporter of this plugin.
#[proc_macro_attribute]
pub fn exporter(attribute: TokenStream, item: TokenStream) -> TokenStream {
    with_export("exporter", "__export_exporter_fn", attribute, item)
}

/// Makes `fn(&Target, &mut Batch) -> Result<Verdict, Error>` the probe of this plugin.
#[proc_macro_attribute]
pub fn probe(attribute: TokenStream, item: TokenStream) -> TokenStream {
    with_export("probe", "__export_probe_fn", attribute, item)
}

/// Makes `fn(&Lines, &mut Rows) -> Result<(), Error>` the log parser of this plugin.
#[proc_macro_attribute]
pub fn log_parser(attribute: TokenStream, item: TokenStream) -> TokenStream {
    with_export("log_parser", "__export_log_parser_fn", attribute, item)
}

fn with_export(name: &str, export_macro: &str, attribute: TokenStream, item: TokenStream) -> TokenStream {
    if !attribute.is_empty() {
        return compile_error(&format!("#[{name}] takes no arguments; settings come from `target.settings::<T>()`"));
    }
    let Some(function) = function_name(item.clone()) else {
        return compile_error(&format!("#[{name}] stands on a function"));
    };
    // item ::cepmon_sdk::EXPORT_MACRO! { function }
    let mut out = item;
    for word in ["cepmon_sdk", export_macro] {
        out.extend([
            TokenTree::from(Punct::new(':', Spacing::Joint)),
            TokenTree::from(Punct::new(':', Spacing::Alone)),
            TokenTree::from(Ident::new(word, Span::call_site())),
        ]);
    }
    out.extend([
        TokenTree::from(Punct::new('!', Spacing::Alone)),
        TokenTree::from(Group::new(Delimiter::Brace, TokenStream::from(TokenTree::from(function)))),
    ]);
    out
}

/// The identifier after the first `fn` outside any brackets.
fn function_name(item: TokenStream) -> Option<Ident> {
    let mut tokens = item.into_iter();
    tokens.find(|token| matches!(token, TokenTree::Ident(word) if word.to_string() == "fn"))?;
    match tokens.next() {
        Some(TokenTree::Ident(name)) => Some(name),
        _ => None,
    }
}

fn compile_error(message: &str) -> TokenStream {
    format!("::core::compile_error!({message:?});").parse().expect("BUG: compile_error does not parse")
}
