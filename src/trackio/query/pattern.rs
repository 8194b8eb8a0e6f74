//! `LIKE` and `GLOB`, character for character as SQLite compares them, with an end.

use rusqlite::Result;

use super::stoppable::Meter;
use super::utf8::{read_char, skip_char};

/// The longest pattern, in bytes.
pub const LONGEST: usize = 1_000;

/// The characters of a pattern that stand for others.
#[derive(Debug, Clone, Copy)]
pub struct Pattern {
    /// Stands for any text.
    all: Option<u32>,
    /// Stands for any character.
    one: Option<u32>,
    /// Takes the next character as it is (LIKE), or begins a set of characters (GLOB).
    other: Option<u32>,
    has_sets: bool,
    ignores_case: bool,
}

pub const LIKE: Pattern = Pattern {
    all: Some('%' as u32),
    one: Some('_' as u32),
    other: None,
    has_sets: false,
    ignores_case: true,
};

pub const GLOB: Pattern = Pattern {
    all: Some('*' as u32),
    one: Some('?' as u32),
    other: Some('[' as u32),
    has_sets: true,
    ignores_case: false,
};

/// What a comparison gave.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Match,
    Different,
    /// Different, whatever the text before it stands for.
    DifferentBeyond,
}
use Comparison::{Different, DifferentBeyond, Match};

impl Pattern {
    /// The same with an escape character, which may be one of the others.
    pub fn escaped_by(self, escape: u32) -> Self {
        let unless = |own: Option<u32>| own.filter(|own| *own != escape);
        Self { all: unless(self.all), one: unless(self.one), other: Some(escape), ..self }
    }

    /// Whether the whole text matches the pattern.
    pub fn matches(&self, pattern: &[u8], text: &[u8], meter: &mut Meter<'_>) -> Result<bool> {
        Ok(self.compare(pattern, text, meter)? == Match)
    }

    fn compare(&self, pattern: &[u8], text: &[u8], meter: &mut Meter<'_>) -> Result<Comparison> {
        let (mut p, mut t) = (0, 0);
        loop {
            meter.spend(1)?;
            let mut wanted = read_char(pattern, &mut p);
            if wanted == 0 {
                return Ok(if t == text.len() { Match } else { Different });
            }
            if Some(wanted) == self.all {
                return self.compare_any(rest(pattern, p), rest(text, t), meter);
            }
            let mut is_escaped = false;
            if Some(wanted) == self.other {
                if self.has_sets {
                    if !in_set(pattern, &mut p, read_char(text, &mut t)) {
                        return Ok(Different);
                    }
                    continue;
                }
                wanted = read_char(pattern, &mut p);
                if wanted == 0 {
                    return Ok(Different);
                }
                is_escaped = true;
            }
            let found = read_char(text, &mut t);
            let stands_for_any = !is_escaped && Some(wanted) == self.one && found != 0;
            if !self.are_equal(wanted, found) && !stands_for_any {
                return Ok(Different);
            }
        }
    }

    /// Compares what stands behind a character for any text.
    fn compare_any(
        &self,
        pattern: &[u8],
        mut text: &[u8],
        meter: &mut Meter<'_>,
    ) -> Result<Comparison> {
        let mut p = 0;
        let mut before = 0;
        let mut wanted = read_char(pattern, &mut p);
        while wanted != 0 && (Some(wanted) == self.all || Some(wanted) == self.one) {
            if Some(wanted) == self.one {
                let mut t = 0;
                if read_char(text, &mut t) == 0 {
                    return Ok(DifferentBeyond);
                }
                text = rest(text, t);
            }
            before = p;
            wanted = read_char(pattern, &mut p);
        }
        if wanted == 0 {
            return Ok(Match);
        }
        let begins_set = self.has_sets && Some(wanted) == self.other;
        if Some(wanted) == self.other && !self.has_sets {
            wanted = read_char(pattern, &mut p);
            if wanted == 0 {
                return Ok(DifferentBeyond);
            }
        }
        let mut t = 0;
        while t < text.len() {
            meter.spend(1)?;
            let compared = if begins_set {
                let compared = self.compare(rest(pattern, before), rest(text, t), meter)?;
                t = skip_char(text, t);
                compared
            } else {
                match self.are_equal(wanted, read_char(text, &mut t)) {
                    true => self.compare(rest(pattern, p), rest(text, t), meter)?,
                    false => Different,
                }
            };
            if compared != Different {
                return Ok(compared);
            }
        }
        Ok(DifferentBeyond)
    }

    fn are_equal(&self, a: u32, b: u32) -> bool {
        let lower = |c: u32| u8::try_from(c).map_or(c, |byte| byte.to_ascii_lowercase().into());
        a == b || (self.ignores_case && a < 0x80 && b < 0x80 && lower(a) == lower(b))
    }
}

fn rest(text: &[u8], from: usize) -> &[u8] {
    text.get(from..).unwrap_or_default()
}

/// Whether the set that begins at `p` holds the character; `p` moves behind the set.
fn in_set(pattern: &[u8], p: &mut usize, found: u32) -> bool {
    if found == 0 {
        return false;
    }
    let mut seen = false;
    let mut prior = 0;
    let mut next = read_char(pattern, p);
    let is_inverted = next == u32::from('^');
    if is_inverted {
        next = read_char(pattern, p);
    }
    if next == u32::from(']') {
        seen = found == next;
        next = read_char(pattern, p);
    }
    while next != 0 && next != u32::from(']') {
        let is_range =
            next == u32::from('-') && !matches!(pattern.get(*p), None | Some(b']')) && prior > 0;
        if is_range {
            next = read_char(pattern, p);
            seen |= prior <= found && found <= next;
            prior = 0;
        } else {
            seen |= found == next;
            prior = next;
        }
        next = read_char(pattern, p);
    }
    next != 0 && seen != is_inverted
}
