//! nginx's `combined`: `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`.
//!
//! nginx writes quotes and control characters inside the quotes as `\xHH`, so the next quote ends a field. What stands behind the user
//! agent is left alone; `common` ends before the referer.

/// The pieces of a line, as they stand in it.
#[derive(Debug, PartialEq)]
pub(crate) struct Access<'a> {
    pub(crate) remote_addr: &'a [u8],
    pub(crate) remote_user: &'a [u8],
    /// `10/Oct/2000:13:55:36 -0700`
    pub(crate) time: &'a [u8],
    /// `GET /path HTTP/1.1`, or whatever a client sent instead.
    pub(crate) request: &'a [u8],
    pub(crate) status: &'a [u8],
    pub(crate) body_bytes_sent: &'a [u8],
    /// Empty in `common`.
    pub(crate) referer: &'a [u8],
    pub(crate) user_agent: &'a [u8],
}

pub(crate) fn parse(line: &[u8]) -> Option<Access<'_>> {
    let (remote_addr, rest) = split_once(line, b' ')?;
    let (_identity, rest) = split_once(rest, b' ')?;
    // A user name may hold blanks, so it goes up to the bracket of the time.
    let (remote_user, rest) = split_at_bracket(rest)?;
    let (time, rest) = split_once(rest, b']')?;
    let rest = rest.strip_prefix(b" \"")?;
    let (request, rest) = split_once(rest, b'"')?;
    let rest = rest.strip_prefix(b" ")?;
    let (status, rest) = split_once(rest, b' ')?;
    let is_status = status.len() == 3 && status.iter().all(u8::is_ascii_digit);
    if !is_status || remote_addr.is_empty() {
        return None;
    }
    let end = rest.iter().position(|&byte| byte == b' ').unwrap_or(rest.len());
    let (body_bytes_sent, rest) = rest.split_at(end);
    let (referer, user_agent) = quoted_pair(rest).unwrap_or_default();
    Some(Access { remote_addr, remote_user, time, request, status, body_bytes_sent, referer, user_agent })
}

/// ` "a" "b"`.
fn quoted_pair(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (referer, rest) = split_once(rest.strip_prefix(b" \"")?, b'"')?;
    let (user_agent, _) = split_once(rest.strip_prefix(b" \"")?, b'"')?;
    Some((referer, user_agent))
}

fn split_at_bracket(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.windows(2).position(|pair| pair == b" [")?;
    Some((&text[..at], &text[at + 2..]))
}

#[inline]
fn split_once(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|&byte| byte == separator)?;
    Some((&text[..at], &text[at + 1..]))
}
