//! Which known name was meant by a mistyped one.

/// The known name nearest to `wrong`, if one is near enough to be meant: one slip, and one more for every four letters.
pub fn nearest_name<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let nearest = known.into_iter().map(|name| (strsim::damerau_levenshtein(wrong, name), name)).min()?;
    let is_near = nearest.0 <= 1 + wrong.chars().count() / 4;
    is_near.then_some(nearest.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_meant() {
        let check = |wrong: &str, want: Option<&str>| assert_eq!(nearest_name(wrong, ["scrape_configs", "rule_files", "web"]), want);
        check("scrape_config", Some("scrape_configs"));
        check("rulefile", Some("rule_files"));
        check("wbe", Some("web"));
        check("storage", None);
        assert_eq!(nearest_name("a", []), None);
    }
}
