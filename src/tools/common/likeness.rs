//! How well one typed word matches one name.

/// Longer texts are compared by their beginning: likeness costs the product of the lengths.
const LONGEST_COMPARED: usize = 200;
/// A word of fewer letters is like too many others.
const SHORTEST_FUZZY: usize = 4;
const SHORTEST_PART: usize = 3;

/// How well `word` matches `name`, both in lower case, from 0 to 1: the whole name, a word of it,
/// the beginning of a word, a part, all of this with a typo.
pub fn likeness(word: &str, name: &str) -> f64 {
    let name = match name.char_indices().nth(LONGEST_COMPARED) {
        Some((end, _)) => name.get(..end).unwrap_or(name),
        None => name,
    };
    if word == name {
        return 1.0;
    }
    let whole = of_word(word, name);
    if whole > 0.0 || !word.contains(is_joint) {
        return whole;
    }
    // `basline-v2` for `baseline_v2`: each part must be there.
    let parts: Vec<f64> = words(word).map(|part| of_word(part, name)).collect();
    if parts.is_empty() || parts.contains(&0.0) {
        return 0.0;
    }
    parts.iter().sum::<f64>() / parts.len() as f64 * 0.95
}

fn of_word(word: &str, name: &str) -> f64 {
    let letters = word.chars().count();
    let mut best: f64 = 0.0;
    for part in words(name).chain(std::iter::once(name)) {
        best = best.max(if part == word {
            0.95
        } else if letters >= SHORTEST_PART && part.starts_with(word) {
            0.85
        } else {
            0.0
        });
    }
    if best > 0.0 {
        return best;
    }
    if letters >= SHORTEST_PART && name.contains(word) {
        return 0.75;
    }
    let joined = normalized(word);
    if joined.len() >= SHORTEST_FUZZY && normalized(name) == joined {
        return 0.9;
    }
    if !(SHORTEST_FUZZY..=LONGEST_COMPARED).contains(&letters) {
        return 0.0;
    }
    words(name).chain(std::iter::once(name)).map(|part| with_typo(word, part)).fold(0.0, f64::max)
}

/// One wrong, missing, double or swapped letter; two in a long word.
fn with_typo(word: &str, part: &str) -> f64 {
    let (a, b) = (word.chars().count(), part.chars().count());
    let allowed = if a >= 8 { 2 } else { 1 };
    // Another digit is another thing: `v1` is no typo of `v2`.
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    if a.abs_diff(b) > allowed || b < SHORTEST_FUZZY || digits(word) != digits(part) {
        return 0.0;
    }
    match strsim::damerau_levenshtein(word, part) {
        0 => 0.95,
        1 => 0.7,
        distance if distance <= allowed => 0.6,
        _ => 0.0,
    }
}

/// Letters and digits in lower case: `Batch_Size` and `batch size` are one key.
pub fn normalized(key: &str) -> String {
    key.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The words of a name: `train_v2/llama-3` has `train`, `v2`, `llama` and `3`.
pub fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(is_joint).filter(|word| !word.is_empty())
}

fn is_joint(letter: char) -> bool {
    !letter.is_alphanumeric() && letter != '.'
}

/// The numbers in a name with the letters before each: `llama-lr3e-4_bs=32` has `lr` 3e-4 and
/// `bs` 32, `step 5` has `step` 5.
pub fn numbers(name: &str) -> Vec<(String, f64)> {
    let mut found = Vec::new();
    let mut key = String::new();
    let mut rest = name;
    while let Some(letter) = rest.chars().next() {
        if !letter.is_ascii_digit() {
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
            // `lr_3e-4`: one joint between key and number does not end the key.
            if letter.is_alphabetic() {
                key.push(letter);
            } else if !rest.starts_with(|next: char| next.is_ascii_digit()) {
                key.clear();
            }
            continue;
        }
        let length = number_length(rest);
        let (digits, tail) = rest.split_at(length.min(rest.len()));
        if let Ok(number) = digits.parse() {
            found.push((std::mem::take(&mut key), number));
        }
        rest = tail;
    }
    found
}

/// How many bytes the number takes that begins a text.
fn number_length(text: &str) -> usize {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut length = digits(text);
    let after = |length: usize| text.get(length..).unwrap_or_default();
    if let Some(fraction) = after(length).strip_prefix('.')
        && digits(fraction) > 0
    {
        length += 1 + digits(fraction);
    }
    if let Some(exponent) = after(length).strip_prefix('e') {
        let sign = usize::from(exponent.starts_with(['-', '+']));
        let power = digits(exponent.get(sign..).unwrap_or_default());
        // `3epochs` is no exponent, and a long one is an id.
        if power > 0 && power <= 2 {
            length += 1 + sign + power;
        }
    }
    length
}
