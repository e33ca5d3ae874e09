//! `print`, `println` and `printf`, with Go's verbs.

use crate::Value;
use crate::number::{format_e, format_f, format_float, format_g};

/// The longest padding or precision: a format must not make megabytes.
const MAX_WIDTH: usize = 4096;

/// Values one after the other, with a blank between two that are both no text.
pub(super) fn print(values: &[Value]) -> String {
    let mut text = String::new();
    for (index, value) in values.iter().enumerate() {
        let needs_blank = index > 0 && value.as_str().is_none() && values[index - 1].as_str().is_none();
        if needs_blank {
            text.push(' ');
        }
        text.push_str(&value.to_string());
    }
    text
}

/// Values with a blank between each two, and a line end.
pub(super) fn println(values: &[Value]) -> String {
    let parts: Vec<String> = values.iter().map(ToString::to_string).collect();
    format!("{}\n", parts.join(" "))
}

/// `%v %s %q %d %f %e %g %x %t` … with flags, width and precision.
pub(super) fn printf(format: &str, values: &[Value]) -> String {
    let mut text = String::new();
    let mut values = values.iter();
    let mut characters = format.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '%' {
            text.push(character);
            continue;
        }
        let mut spec = Spec::default();
        while let Some(flag) = characters.next_if(|c| matches!(c, '-' | '+' | '#' | ' ' | '0')) {
            match flag {
                '-' => spec.is_left = true,
                '+' => spec.has_sign = true,
                '#' => spec.is_alternate = true,
                '0' => spec.is_zero_padded = true,
                _ => spec.has_blank = true,
            }
        }
        let number = |characters: &mut std::iter::Peekable<std::str::Chars<'_>>| {
            let mut number = None;
            while let Some(digit) = characters.next_if(char::is_ascii_digit) {
                number = Some((number.unwrap_or(0) * 10 + digit as usize - '0' as usize).min(MAX_WIDTH));
            }
            number
        };
        spec.width = number(&mut characters).unwrap_or(0);
        if characters.next_if_eq(&'.').is_some() {
            spec.precision = Some(number(&mut characters).unwrap_or(0));
        }
        match characters.next() {
            None => text.push_str("%!(NOVERB)"),
            Some('%') => text.push('%'),
            Some(verb) => match values.next() {
                None => text.push_str(&format!("%!{verb}(MISSING)")),
                Some(value) => text.push_str(&spec.apply(verb, value)),
            },
        }
    }
    let extra: Vec<String> = values.map(|value| format!("{}={value}", value.kind())).collect();
    if !extra.is_empty() {
        text.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    text
}

#[derive(Default)]
struct Spec {
    is_left: bool,
    has_sign: bool,
    has_blank: bool,
    is_alternate: bool,
    is_zero_padded: bool,
    width: usize,
    precision: Option<usize>,
}

impl Spec {
    fn apply(&self, verb: char, value: &Value) -> String {
        let body = match (verb, value) {
            ('v', Value::Float(number)) => {
                self.signed(self.precision.map_or_else(|| format_float(*number), |p| format_g(*number, Some(p))))
            }
            ('v', Value::Int(number)) => self.signed(number.to_string()),
            ('v', other) => other.to_string(),
            ('T', other) => other.kind().to_owned(),
            ('t', Value::Bool(value)) => value.to_string(),
            ('d', Value::Int(number)) => self.signed(number.to_string()),
            ('x', Value::Int(number)) => self.radix("0x", format!("{:x}", number.unsigned_abs()), *number < 0),
            ('X', Value::Int(number)) => self.radix("0X", format!("{:X}", number.unsigned_abs()), *number < 0),
            ('o', Value::Int(number)) => self.radix("0", format!("{:o}", number.unsigned_abs()), *number < 0),
            ('b', Value::Int(number)) => self.radix("0b", format!("{:b}", number.unsigned_abs()), *number < 0),
            ('c', Value::Int(number)) => {
                let character = u32::try_from(*number).ok().and_then(char::from_u32);
                character.unwrap_or('\u{fffd}').to_string()
            }
            ('f' | 'F', Value::Float(number)) => self.signed(format_f(*number, self.precision.unwrap_or(6))),
            ('e', Value::Float(number)) => self.signed(format_e(*number, self.precision.unwrap_or(6))),
            ('E', Value::Float(number)) => self.signed(format_e(*number, self.precision.unwrap_or(6)).to_uppercase()),
            ('g', Value::Float(number)) => self.signed(format_g(*number, self.precision)),
            ('G', Value::Float(number)) => self.signed(format_g(*number, self.precision).to_uppercase()),
            ('s', Value::String(_) | Value::SafeHtml(_) | Value::List(_) | Value::Time(_) | Value::Object(_)) => {
                self.cut(&value.to_string())
            }
            ('q', Value::String(text) | Value::SafeHtml(text)) => format!("{:?}", self.cut(text)),
            ('x', Value::String(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
            (verb, other) => format!("%!{verb}({}={other})", other.kind()),
        };
        self.pad(body)
    }

    fn signed(&self, text: String) -> String {
        if text.starts_with(['-', '+']) {
            text
        } else if self.has_sign {
            format!("+{text}")
        } else if self.has_blank {
            format!(" {text}")
        } else {
            text
        }
    }

    fn radix(&self, prefix: &str, digits: String, is_negative: bool) -> String {
        format!("{}{}{digits}", if is_negative { "-" } else { "" }, if self.is_alternate { prefix } else { "" })
    }

    fn cut(&self, text: &str) -> String {
        self.precision.map_or_else(|| text.to_owned(), |precision| text.chars().take(precision).collect())
    }

    fn pad(&self, text: String) -> String {
        let missing = self.width.saturating_sub(text.chars().count());
        if missing == 0 {
            return text;
        }
        if self.is_left {
            return format!("{text}{}", " ".repeat(missing));
        }
        if self.is_zero_padded {
            let sign = text.len() - text.trim_start_matches(['-', '+']).len();
            return format!("{}{}{}", &text[..sign], "0".repeat(missing), &text[sign..]);
        }
        format!("{}{text}", " ".repeat(missing))
    }
}
