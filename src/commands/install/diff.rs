//! The lines that differ between two texts.

/// The lines of `before` that go, then those of `after` that come, with their numbers.
pub fn lines(before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same =
        |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(a, b)| a == b).count();
    let start = same(&mut old.iter().zip(&new));
    let room = old.len().min(new.len()) - start;
    let end = same(&mut old.iter().rev().zip(new.iter().rev())).min(room);
    let part = |lines: &[&str], sign: char| -> String {
        let part = lines.get(start..lines.len() - end).unwrap_or_default().iter().enumerate();
        part.map(|(at, line)| format!("{sign} {:>4}  {line}\n", start + at + 1)).collect()
    };
    part(&old, '-') + &part(&new, '+')
}
