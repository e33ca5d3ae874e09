//! For the corpus: the first word of each line is its field `level`.

use cepmon_sdk::{Error, Lines, Rows};

#[cepmon_sdk::log_parser]
fn parse(lines: &Lines, rows: &mut Rows<'_>) -> Result<(), Error> {
    rows.set_keys(&["level"]);
    for line in lines.iter() {
        let word = line.bytes.split(|&byte| byte == b' ').next().unwrap_or_default();
        let mut row = rows.row(&line);
        row.field(0, word);
    }
    Ok(())
}
