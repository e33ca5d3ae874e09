//! Names of Prometheus 3 in places that take classic names only: `U__` and then every other character as `_<hexadecimal>_`.

/// The name that a text stands for: itself, unless it is such an escaped one.
pub(super) fn unescape_name(text: &str) -> String {
    text.strip_prefix("U__").and_then(unescape).unwrap_or_else(|| text.to_owned())
}

/// None if it is not well-formed; then it is an ordinary name that begins like an escaped one.
fn unescape(mut rest: &str) -> Option<String> {
    let mut name = String::with_capacity(rest.len());
    while let Some((before, after)) = rest.split_once('_') {
        name.push_str(before);
        if let Some(after) = after.strip_prefix('_') {
            name.push('_');
            rest = after;
            continue;
        }
        let (digits, after) = after.split_once('_')?;
        let is_number = !digits.is_empty() && digits.len() <= 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        name.push(char::from_u32(u32::from_str_radix(digits, 16).ok().filter(|_| is_number)?)?);
        rest = after;
    }
    name.push_str(rest);
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_names_are_read_and_others_stay() {
        let f = |text: &str, want: &str| assert_eq!(unescape_name(text), want);
        f("job", "job");
        f("U__http_2e_status", "http.status");
        f("U__a__b_2e_c", "a_b.c");
        f("U___e9_t_e9_", "été");
        f("U___1f600_", "😀");
        f("U__broken_zz_x", "U__broken_zz_x");
        f("U__open_2e", "U__open_2e");
        f("U__surrogate_d800_", "U__surrogate_d800_");
        f("http.status", "http.status");
    }
}
