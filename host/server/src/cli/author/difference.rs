//! What differs between two texts, line by line, as `diff -u` shows it but without numbers: both are short enough to be seen whole.

/// Lines with ` `, `-` or `+` in front; unchanged lines far from a change are left out.
pub(super) fn difference(old: &[&str], new: &[&str]) -> Vec<String> {
    let steps = steps(old, new);
    let is_near = |at: usize| {
        let around = at.saturating_sub(CONTEXT)..(at + CONTEXT + 1).min(steps.len());
        steps[around].iter().any(|(sign, _)| *sign != ' ')
    };
    let mut lines = Vec::new();
    let mut was_left_out = false;
    for (at, (sign, line)) in steps.iter().enumerate() {
        if is_near(at) {
            lines.push(format!("{sign} {line}"));
            was_left_out = false;
        } else if !was_left_out {
            lines.push("  …".to_owned());
            was_left_out = true;
        }
    }
    lines
}

/// Unchanged lines that are shown around a change.
const CONTEXT: usize = 2;

/// Above this many pairs of lines the changed middle is shown as a whole: 4 MiB of table for a text that nobody reads is enough.
const MAX_PAIRS: usize = 1 << 20;

fn steps<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(char, &'a str)> {
    let same_head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (&old[same_head..], &new[same_head..]);
    let same_tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let (old_middle, new_middle) = (&old_rest[..old_rest.len() - same_tail], &new_rest[..new_rest.len() - same_tail]);
    let mut steps: Vec<(char, &str)> = old[..same_head].iter().map(|line| (' ', *line)).collect();
    middle(old_middle, new_middle, &mut steps);
    steps.extend(old_rest[old_middle.len()..].iter().map(|line| (' ', *line)));
    steps
}

/// The longest common subsequence.
fn middle<'a>(old: &[&'a str], new: &[&'a str], steps: &mut Vec<(char, &'a str)>) {
    let width = new.len() + 1;
    let mut common = vec![0u32; if (old.len() + 1) * width <= MAX_PAIRS { (old.len() + 1) * width } else { 0 }];
    if !common.is_empty() {
        for i in (0..old.len()).rev() {
            for j in (0..new.len()).rev() {
                let longest = common[(i + 1) * width + j].max(common[i * width + j + 1]);
                common[i * width + j] = if old[i] == new[j] { common[(i + 1) * width + j + 1] + 1 } else { longest };
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < old.len() && j < new.len() && !common.is_empty() {
        if old[i] == new[j] {
            steps.push((' ', old[i]));
            (i, j) = (i + 1, j + 1);
        } else if common[(i + 1) * width + j] >= common[i * width + j + 1] {
            steps.push(('-', old[i]));
            i += 1;
        } else {
            steps.push(('+', new[j]));
            j += 1;
        }
    }
    steps.extend(old[i..].iter().map(|line| ('-', *line)));
    steps.extend(new[j..].iter().map(|line| ('+', *line)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_lines_stand_between_their_neighbours() {
        let old = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let new = ["a", "b", "c", "d", "E", "f", "new", "g", "h"];
        assert_eq!(difference(&old, &new), ["  …", "  c", "  d", "- e", "+ E", "  f", "+ new", "  g", "  h"]);
        assert!(difference(&old, &old).iter().all(|line| line == "  …"));
        assert_eq!(difference(&[], &["x"]), ["+ x"]);
        assert_eq!(difference(&["x", "y"], &["y"]), ["- x", "  y"]);
    }

    #[test]
    fn long_texts_are_compared_without_a_table() {
        let old: Vec<String> = (0..2_000).map(|number| format!("old {number}")).collect();
        let new: Vec<String> = (0..2_000).map(|number| format!("new {number}")).collect();
        let (old, new): (Vec<&str>, Vec<&str>) = (old.iter().map(String::as_str).collect(), new.iter().map(String::as_str).collect());
        assert_eq!(difference(&old, &new).len(), 4_000);
    }
}
